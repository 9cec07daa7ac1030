//! Tables in Markdown.

use std::fmt;

/// A table whose first column is text and whose other columns are numbers.
#[derive(Debug)]
pub struct Table {
    columns: usize,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table.
    pub fn new(head: &[&str]) -> Self {
        Self { columns: head.len(), rows: vec![head.iter().map(ToString::to_string).collect()] }
    }

    /// Adds a row; missing cells are empty.
    pub fn row(&mut self, cells: &[String]) {
        let mut cells = cells.to_vec();
        cells.resize(self.columns, String::new());
        self.rows.push(cells);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, row) in self.rows.iter().enumerate() {
            writeln!(f, "| {} |", row.join(" | "))?;
            if index == 0 {
                writeln!(f, "| --- |{}", " ---: |".repeat(self.columns - 1))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_markdown() {
        let mut table = Table::new(&["what", "median", "p99"]);
        table.row(&["run".to_owned(), "1 ms".to_owned()]);
        assert_eq!(table.to_string(), "| what | median | p99 |\n| --- | ---: | ---: |\n| run | 1 ms |  |\n");
    }
}
