//! What executions print: written in chunks, read in pages of lines or bytes whose cost does not depend on
//! how much was printed before them.

use crate::{
    ExecutionId, ExecutionLog, OutputLength, RefError,
    execution::line_feeds,
    ref_store::{Batch, Entry, Key, Order, Scan, Start},
    text,
};

/// The largest chunk, in bytes.
const CHUNK: usize = 64 << 10;
/// How many chunks are read at a time.
const CHUNKS_AT_ONCE: usize = 32;

/// A part of what an execution printed, by lines or by bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputRange {
    /// `limit` lines from line `offset` on, which counts from 1.
    Lines {
        /// The first line.
        offset: u64,
        /// The most lines.
        limit: u64,
    },
    /// `limit` bytes from byte `offset` on, which counts from 0.
    Bytes {
        /// The first byte.
        offset: u64,
        /// The most bytes.
        limit: u64,
    },
}

/// Why a part of the output cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OutputRangeError {
    /// Lines count from 1.
    #[error("line_offset counts from 1")]
    LineOffset,
    /// Too many or too few lines.
    #[error("line_limit is from 1 to {max}, not {0}", max = OutputRange::MAX_LINES)]
    LineLimit(u64),
    /// Too many or too few bytes.
    #[error("byte_limit is from 1 to {max}, not {0}", max = OutputRange::MAX_BYTES)]
    ByteLimit(u64),
}

impl OutputRange {
    /// The most lines of one page.
    pub const MAX_LINES: u64 = 10_000;
    /// The most bytes of one page, whether it is a page of bytes or of lines.
    pub const MAX_BYTES: u64 = 1 << 20;
    /// Lines of a page, unless something else is asked for.
    pub const DEFAULT_LINES: u64 = 100;
    /// Bytes of a page, unless something else is asked for.
    pub const DEFAULT_BYTES: u64 = 4096;

    /// The range that these parameters ask for: bytes, if `byte_offset` is there.
    ///
    /// # Errors
    /// If one is out of its bounds.
    pub fn new(
        line_offset: Option<u64>,
        line_limit: Option<u64>,
        byte_offset: Option<u64>,
        byte_limit: Option<u64>,
    ) -> Result<Self, OutputRangeError> {
        if let Some(offset) = byte_offset {
            let limit = byte_limit.unwrap_or(Self::DEFAULT_BYTES);
            if !(1..=Self::MAX_BYTES).contains(&limit) {
                return Err(OutputRangeError::ByteLimit(limit));
            }
            return Ok(Self::Bytes { offset, limit });
        }
        let (offset, limit) = (line_offset.unwrap_or(1), line_limit.unwrap_or(Self::DEFAULT_LINES));
        if offset == 0 {
            return Err(OutputRangeError::LineOffset);
        }
        if !(1..=Self::MAX_LINES).contains(&limit) {
            return Err(OutputRangeError::LineLimit(limit));
        }
        Ok(Self::Lines { offset, limit })
    }
}

/// A page of output, with its place in lines and in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputPage {
    /// The text.
    pub data: String,
    /// The line of its first byte, counted from 1.
    pub start_line: u64,
    /// The line of its last byte; `start_line - 1` if the page is empty.
    pub end_line: u64,
    /// The line that follows the page's last whole line.
    pub next_line_offset: u64,
    /// Its first byte, counted from 0.
    pub start_byte: u64,
    /// The byte after its last one.
    pub end_byte: u64,
    /// All that there is, so far.
    pub total: OutputLength,
}

impl OutputPage {
    /// Whether there is more behind it.
    pub const fn has_more(&self) -> bool {
        self.end_byte < self.total.bytes
    }
}

/// A piece of output as it is stored under the number of its first byte.
struct Chunk {
    start: OutputLength,
    text: String,
}

impl Chunk {
    fn parse(entry: &Entry) -> Result<Self, RefError> {
        let bytes = u64::from_be_bytes(entry.sort.as_slice().try_into().map_err(text::damaged)?);
        let (lines, text) = entry.value.split_first_chunk().ok_or_else(no_lines)?;
        let lines = u64::from_be_bytes(*lines);
        let text = String::from_utf8(text.to_vec()).map_err(text::damaged)?;
        Ok(Self { start: OutputLength { bytes, lines }, text })
    }

    fn end(&self) -> OutputLength {
        self.start.plus(&self.text)
    }
}

fn no_lines() -> RefError {
    RefError::Damaged("a chunk of output without its line number".into())
}

pub(super) fn text_partition(id: ExecutionId) -> String {
    format!("output/{id}")
}

/// For each chunk that has a line feed: the number of the line after the first one, counted from 0, and
/// the number of that line's first byte. Line 0 begins with byte 0.
pub(super) fn lines_partition(id: ExecutionId) -> String {
    format!("lines/{id}")
}

impl ExecutionLog {
    /// A batch that adds `text` to what an execution has printed, which was so much before.
    pub fn printing(&self, id: ExecutionId, before: OutputLength, text: &str) -> Batch {
        let mut batch = Batch::default();
        let mut at = before;
        for piece in chunks(text) {
            let value = [&at.lines.to_be_bytes()[..], piece.as_bytes()].concat();
            batch.put(Key::new(text_partition(id), at.bytes.to_be_bytes()), value);
            if let Some(feed) = piece.find('\n') {
                let begins = at.bytes + feed as u64 + 1;
                let line = Key::new(lines_partition(id), (at.lines + 1).to_be_bytes());
                batch.put(line, begins.to_be_bytes().to_vec());
            }
            at = at.plus(piece);
        }
        batch
    }

    /// How much an execution has printed.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn output_length(&self, id: ExecutionId) -> Result<OutputLength, RefError> {
        let last = self.chunks(id, Start::First, Order::Descending, 1).await?.pop();
        Ok(last.map_or_else(OutputLength::default, |chunk| chunk.end()))
    }

    /// A part of what an execution has printed. Where there is nothing yet, the page is empty.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn output(&self, id: ExecutionId, range: OutputRange) -> Result<OutputPage, RefError> {
        let total = self.output_length(id).await?;
        self.output_up_to(id, range, total).await
    }

    /// The same, as if `total` were all: what was committed last may not be durable yet, and what is read
    /// once has to stay. It has to be a length that the output had after a commit.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn output_up_to(
        &self,
        id: ExecutionId,
        range: OutputRange,
        total: OutputLength,
    ) -> Result<OutputPage, RefError> {
        let (start, limit) = match range {
            OutputRange::Bytes { offset, limit } => (self.at_byte(id, offset, total).await?, limit),
            OutputRange::Lines { offset, .. } => {
                (self.at_line(id, offset - 1, total).await?, OutputRange::MAX_BYTES)
            }
        };
        let mut page = Page::new(start, limit.min(total.bytes - start.bytes));
        let at = start.bytes.to_be_bytes();
        let mut first = self.chunks(id, Start::At(&at), Order::Descending, 1).await?;
        let mut reached = start.bytes;
        while page.limit > 0
            && let Some(last) = first.last()
        {
            reached = last.start.bytes.max(reached);
            let full = first.iter().any(|chunk| page.take(chunk, range));
            if full {
                break;
            }
            let after = reached.to_be_bytes();
            first = self.chunks(id, Start::After(&after), Order::Ascending, CHUNKS_AT_ONCE).await?;
        }
        Ok(page.finish(range, total))
    }

    async fn chunks(
        &self,
        id: ExecutionId,
        start: Start<'_>,
        order: Order,
        limit: usize,
    ) -> Result<Vec<Chunk>, RefError> {
        let partition = text_partition(id);
        let found = self.refs.scan(Scan { partition: &partition, start, order, limit }).await?;
        found.iter().map(Chunk::parse).collect()
    }

    /// The place of a byte, or of the character that it is in.
    async fn at_byte(
        &self,
        id: ExecutionId,
        byte: u64,
        total: OutputLength,
    ) -> Result<OutputLength, RefError> {
        if byte >= total.bytes {
            return Ok(total);
        }
        let at = byte.to_be_bytes();
        let chunk = self.chunks(id, Start::At(&at), Order::Descending, 1).await?.pop();
        let Some(chunk) = chunk else { return Ok(OutputLength::default()) };
        let within = (byte - chunk.start.bytes) as usize;
        Ok(chunk.start.plus(&chunk.text[..chunk.text.floor_char_boundary(within)]))
    }

    /// The place where a line begins, which counts from 0 here.
    async fn at_line(
        &self,
        id: ExecutionId,
        line: u64,
        total: OutputLength,
    ) -> Result<OutputLength, RefError> {
        if line > total.lines {
            return Ok(total);
        }
        let partition = lines_partition(id);
        let at = line.to_be_bytes();
        let scan = Scan { partition: &partition, start: Start::At(&at), order: Order::Descending, limit: 1 };
        let Some(entry) = self.refs.scan(scan).await?.pop() else { return Ok(OutputLength::default()) };
        let first = u64::from_be_bytes(entry.sort.as_slice().try_into().map_err(text::damaged)?);
        let byte = u64::from_be_bytes(entry.value.as_ref().try_into().map_err(text::damaged)?);
        let at = byte.to_be_bytes();
        let chunk = self.chunks(id, Start::At(&at), Order::Descending, 1).await?.pop();
        let Some(chunk) = chunk else { return Ok(OutputLength::default()) };
        let begin = (byte - chunk.start.bytes) as usize;
        let length = skip_lines(&chunk.text[begin..], line - first);
        Ok(OutputLength { bytes: byte + length as u64, lines: line })
    }
}

/// The length of so many lines at the beginning of a text that has them.
fn skip_lines(text: &str, lines: u64) -> usize {
    match lines.checked_sub(1) {
        None => 0,
        Some(nth) => text.match_indices('\n').nth(nth as usize).map_or(text.len(), |(at, _)| at + 1),
    }
}

/// Pieces of a text that end between characters.
fn chunks(mut text: &str) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        let (piece, rest) = text.split_at(text.floor_char_boundary(CHUNK));
        text = rest;
        (!piece.is_empty()).then_some(piece)
    })
}

/// A page that is being put together.
struct Page {
    start: OutputLength,
    /// The most bytes.
    limit: usize,
    data: String,
}

impl Page {
    const fn new(start: OutputLength, limit: u64) -> Self {
        Self { start, limit: limit as usize, data: String::new() }
    }

    /// Takes what belongs to the page; says whether it is full.
    fn take(&mut self, chunk: &Chunk, range: OutputRange) -> bool {
        let reached = self.start.bytes + self.data.len() as u64;
        let Some(skipped) = reached.checked_sub(chunk.start.bytes) else { return true };
        let Some(text) = chunk.text.get(skipped as usize..) else { return false };
        let text = match range {
            OutputRange::Bytes { .. } => text,
            OutputRange::Lines { limit, .. } => {
                let missing = limit - line_feeds(&self.data);
                if missing == 0 {
                    return true;
                }
                &text[..skip_lines(text, missing)]
            }
        };
        let room = self.limit - self.data.len();
        if text.len() <= room {
            self.data.push_str(text);
            return self.data.len() == self.limit;
        }
        let mut cut = text.floor_char_boundary(room);
        if cut == 0 && self.data.is_empty() {
            // A page always gets on: a character that is larger than the page is a page.
            cut = text.ceil_char_boundary(1);
        }
        self.data.push_str(&text[..cut]);
        true
    }

    fn finish(mut self, range: OutputRange, total: OutputLength) -> OutputPage {
        // A page of lines that is cut short ends with a whole line, if it has one.
        if let OutputRange::Lines { limit, .. } = range
            && line_feeds(&self.data) < limit
            && self.start.bytes + (self.data.len() as u64) < total.bytes
            && let Some(last) = self.data.rfind('\n')
        {
            self.data.truncate(last + 1);
        }
        let end = self.start.plus(&self.data);
        let partial = !self.data.is_empty() && !self.data.ends_with('\n');
        // A line that is longer than a page goes on in bytes; by lines, the next page is the next line.
        let cut = partial && end.bytes < total.bytes && matches!(range, OutputRange::Lines { .. });
        OutputPage {
            start_line: self.start.lines + 1,
            end_line: end.lines + u64::from(partial),
            next_line_offset: end.lines + 1 + u64::from(cut),
            start_byte: self.start.bytes,
            end_byte: end.bytes,
            data: self.data,
            total,
        }
    }
}

#[cfg(test)]
mod tests;
