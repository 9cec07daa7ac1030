//! The pages of a base image, and of the program, that a process uses: learned from one that ran, so that templates
//! can have them at hand.
//!
//! A page that is used for the first time costs a fault, and the kernel takes the occasion to put the page's
//! neighbours into the page table too, which fork and exit then pay for. To have exactly the right pages there
//! costs next to nothing. One that is written to is still copied, but mostly read before.

use std::{fs::File, io, os::unix::fs::FileExt as _};

use crate::{
    PAGE_SIZE,
    format::{Image, ImageError, Run},
    pagemap,
};

/// More pages than any script should need at once: if a process used more, its page table was not exact.
const MAX_PAGES: u64 = 3072;

/// Why nothing was learned.
#[derive(Debug, thiserror::Error)]
pub enum LearnError {
    /// The page table cannot be read. The image is as it was, as it is with all errors but the next one.
    #[error("the pages that were used cannot be learned")]
    PageTable(#[source] io::Error),
    /// The image cannot be written, and is worthless now.
    #[error("the pages that were used cannot be noted")]
    Write(#[source] io::Error),
    /// The image is not one.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The process used far more pages than it should.
    #[error("{pages} pages were used, which is too many to have at hand")]
    TooMany {
        /// How many.
        pages: u64,
    },
}

/// Notes in a base image, open for reading and writing, which of its pages and of the program's a process has used.
/// The process was thawed from it with [`crate::Paging::Exact`], and `pagemap` is its `/proc/PID/pagemap`.
/// Returns how many pages those are.
///
/// The image becomes another one: to be called before it gets its name.
///
/// # Errors
/// [`LearnError`].
pub fn learn_pages_at_hand(image: &File, pagemap: &File) -> Result<u64, LearnError> {
    let mut read = Image::read(image)?;
    let mut found = Vec::new();
    for piece in read.pieces_of_files() {
        find_used(piece, pagemap, &mut found).map_err(LearnError::PageTable)?;
    }
    let pages = found.iter().map(|run| run.pages).sum();
    if pages > MAX_PAGES {
        return Err(LearnError::TooMany { pages });
    }
    read.set_hot(found)?;
    let mut page = [0; PAGE_SIZE as usize];
    read.header.encode(&mut page);
    let table: Vec<u8> = read.hot.iter().flat_map(Run::encode).flat_map(u64::to_le_bytes).collect();
    image.write_all_at(&table, read.header.hot_offset()).map_err(LearnError::Write)?;
    image.write_all_at(&page, 0).map_err(LearnError::Write)?;
    Ok(pages)
}

/// Adds those pages of a piece of memory that the process has.
fn find_used(piece: Run, pagemap: &File, found: &mut Vec<Run>) -> io::Result<()> {
    let mut entries = vec![0; piece.pages as usize * size_of::<u64>()];
    pagemap.read_exact_at(&mut entries, piece.address / PAGE_SIZE * size_of::<u64>() as u64)?;
    let mut last: Option<Run> = None;
    for (index, entry) in entries.as_chunks().0.iter().enumerate() {
        if !pagemap::is_populated(u64::from_ne_bytes(*entry)) {
            continue;
        }
        let address = piece.address + index as u64 * PAGE_SIZE;
        match &mut last {
            Some(last) if last.end() == address => last.pages += 1,
            _ => found.extend(last.replace(Run { address, pages: 1 })),
        }
    }
    found.extend(last);
    Ok(())
}
