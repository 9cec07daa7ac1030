//! Turns a cell into a script: parse, erase types, then edit.

mod default_export;
mod imports;
mod plain;
mod survey;
mod wrapped;

use crate::edits::Edits;
use crate::error::Fault;
use crate::parse::{self, Cell};
use crate::scope::{Kind, Names, guard_constants};
use crate::source::without_bom;
use crate::{PositionMap, Prepared, Source, SyntaxError, erase};
use survey::Survey;

pub(crate) fn prepare(
    source: &Source<'_>,
    known_constants: &dyn Fn(&str) -> bool,
) -> Result<Prepared, SyntaxError> {
    let text = without_bom(source.text);
    let locate = |fault| SyntaxError::locate(source, text, fault);
    let cell = parse::typescript(text).map_err(locate)?;
    let survey = Survey::of(&cell);
    if !survey.has_types {
        return rewrite(text, &cell, &survey, &PositionMap::default(), known_constants).map_err(locate);
    }
    let erased = erase::cell(text, &cell, &survey.const_enums).map_err(locate)?;
    let erased_text = without_bom(&erased.code);
    let locate = |fault| SyntaxError::locate_mapped(source, erased_text, &erased.positions, fault);
    let cell = parse::javascript(erased_text).map_err(locate)?;
    let survey = Survey::of(&cell);
    rewrite(erased_text, &cell, &survey, &erased.positions, known_constants).map_err(locate)
}

/// Rewrites a cell without types.
fn rewrite(
    text: &str,
    cell: &Cell,
    survey: &Survey,
    before: &PositionMap,
    known_constants: &dyn Fn(&str) -> bool,
) -> Result<Prepared, Fault> {
    let names = Names::of(cell.items());
    if let Some(conflict) = names.conflict() {
        return Err(conflict);
    }
    let mut edits = Edits::new(text);
    if text.starts_with("#!") {
        edits.same(0..2, "//");
    }
    let is_constant = |name: &str| names.kind(name).map_or_else(|| known_constants(name), Kind::is_constant);
    if survey.assigned.iter().any(|name| is_constant(name)) {
        guard_constants(cell, &is_constant, &mut edits);
    }
    let (code, positions) = match survey.suspends {
        true => wrapped::wrap(cell.items(), &names, edits)?,
        false => plain::globalize(cell.items(), edits),
    };
    Ok(Prepared {
        code,
        positions: positions.after(before),
        is_async: survey.suspends,
        constants: names.select(Kind::is_constant),
        declared: names.select(|kind| !kind.is_constant() && kind != Kind::Local),
    })
}
