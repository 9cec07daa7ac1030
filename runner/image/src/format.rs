//! The image file: a header, the pages, and tables.
//!
//! ```text
//! 0            header, one page, fields below, the rest zero
//! 4096         pages, in the order of the runs
//! tables       areas, 32 bytes each: start u64, end u64, protection u32, backing u32, offset u64
//!              runs, 16 bytes each: address u64, pages u64
//!              patches, 16 bytes each: address u64, bytes u64
//!              the bytes of the patches, in their order
//!              hot runs, as runs: pages of the program's files and of the image itself that scripts use
//! ```
//!
//! All numbers are little-endian. Areas are ascending and disjoint; runs are ascending and disjoint,
//! and each lies within one area. What is not in a run comes from the area's backing. Patches are ascending
//! and disjoint words within one page of a writable area; they come last. Everything is checked before
//! anything is used: an [`Image`] keeps to all of this.

use std::{
    fs::File,
    io::{self, Seek, SeekFrom},
    os::unix::fs::FileExt,
};

use crate::{PAGE_SIZE, arch::Registers, maps::is_writable};

const MAGIC: [u8; 8] = *b"STASISIM";
/// The version of this layout.
pub const VERSION: u32 = 2;
const ARCHITECTURE_X86_64: u32 = 0x8664;

/// More areas than Linux lets a process have by default (`vm.max_map_count` is 65530).
pub(crate) const MAX_AREAS: u64 = 60_000;
/// With the other numbers, bounds what is read of the tables to 24 MB.
pub(crate) const MAX_RUNS: u64 = 1 << 20;
/// 32 GiB of pages.
const MAX_PAGES: u64 = 8 << 20;
/// What has more is stored as pages.
pub(crate) const MAX_PATCHES: u64 = 1 << 18;
/// 256 MiB.
pub(crate) const MAX_HOT_PAGES: u64 = 1 << 16;
/// End of the user half of the address space with four-level page tables.
pub(crate) const ADDRESS_END: u64 = 0x7fff_ffff_f000;
pub(crate) const AREA_BYTES: u64 = 32;
pub(crate) const RUN_BYTES: u64 = 16;
pub(crate) const PATCH_BYTES: u64 = 16;
/// Patches begin and end at words.
pub(crate) const WORD: u64 = size_of::<u64>() as u64;

/// What a header says besides where the tables are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Which build froze it.
    pub fingerprint: [u8; 32],
    /// The image whose pages this one refers to.
    pub base: Option<[u8; 32]>,
    /// The processor features that the frozen process may rely on, see [`crate::cpu`].
    pub cpu: u64,
    /// What the monotonic clock showed the frozen process, in nanoseconds.
    pub monotonic: u64,
    /// Bytes of private writable memory, as `RLIMIT_DATA` counts them.
    pub data: u64,
    pub(crate) registers: Registers,
    pub(crate) thread_pointer: u64,
    pub(crate) robust_list: u64,
    /// Where the frozen process keeps its [`crate::interpose::Thawed`].
    pub(crate) thawed: u64,
    pub(crate) vdso: Vdso,
    pub(crate) areas: u64,
    pub(crate) runs: u64,
    pub(crate) pages: u64,
    pub(crate) hot: u64,
    pub(crate) patches: u64,
    /// Bytes of all patches together.
    pub(crate) patched: u64,
}

/// Where the kernel's own code was mapped, and which it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Vdso {
    /// Start and end of all of it, data pages included.
    pub(crate) start: u64,
    pub(crate) end: u64,
    /// Start of the code, which ends at `end`.
    pub(crate) code: u64,
    /// SHA-256 of the code.
    pub(crate) digest: [u8; 32],
    /// Offsets in the code of [`crate::interpose::FUNCTIONS`]; zero for one that it lacks.
    pub(crate) functions: [u64; 5],
}

/// What an area shows where no run covers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backing {
    /// Zeros.
    Anonymous,
    /// The base image's file.
    Base,
    /// A file of the program, by its place in [`crate::Program::files`].
    Program(u32),
}

impl Backing {
    const ANONYMOUS: u32 = 0;
    const BASE: u32 = 1;
    const PROGRAM: u32 = 2;

    pub(crate) fn encode(self) -> u32 {
        match self {
            Self::Anonymous => Self::ANONYMOUS,
            Self::Base => Self::BASE,
            Self::Program(index) => Self::PROGRAM + index,
        }
    }

    fn decode(value: u32) -> Self {
        match value {
            Self::ANONYMOUS => Self::Anonymous,
            Self::BASE => Self::Base,
            file => Self::Program(file - Self::PROGRAM),
        }
    }
}

/// A stretch of address space with one protection and one backing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Area {
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) protection: u32,
    pub(crate) backing: Backing,
    /// Offset in the backing file.
    pub(crate) offset: u64,
}

impl Area {
    /// Whether `other` shows in this area's place what this area shows.
    pub(crate) fn is_part_of(&self, other: &Self) -> bool {
        let inside = other.start <= self.start && self.end <= other.end;
        let (anonymous, before) = (self.backing == Backing::Anonymous, self.start.wrapping_sub(other.start));
        inside
            && (self.protection, self.backing) == (other.protection, other.backing)
            && (anonymous || self.offset == other.offset.wrapping_add(before))
    }

    pub(crate) fn encode(&self) -> [u64; 4] {
        [
            self.start,
            self.end,
            u64::from(self.protection) | u64::from(self.backing.encode()) << 32,
            self.offset,
        ]
    }
}

/// Consecutive pages that the image holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) address: u64,
    pub(crate) pages: u64,
}

impl Run {
    pub(crate) fn end(&self) -> u64 {
        self.address + self.pages * PAGE_SIZE
    }

    pub(crate) fn encode(&self) -> [u64; 2] {
        [self.address, self.pages]
    }
}

/// Words of a page that differ from what the image's other parts make of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Patch {
    pub(crate) address: u64,
    pub(crate) bytes: u64,
}

/// Why a file is not an image that can be thawed here.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The file is something else.
    #[error("not a heap image")]
    NotAnImage,
    /// Another version of Stasis wrote it.
    #[error("heap image of format version {found}; this build reads version {VERSION}")]
    OtherVersion {
        /// The version that the file says.
        found: u32,
    },
    /// Another kind of machine wrote it.
    #[error("heap image for another processor architecture ({found:#x})")]
    OtherArchitecture {
        /// The machine number that the file says.
        found: u32,
    },
    /// The file ends too early, or is longer than it says.
    #[error("truncated heap image: {actual} bytes, expected {expected}")]
    Truncated {
        /// Size that the header asks for.
        expected: u64,
        /// Size of the file.
        actual: u64,
    },
    /// A field contradicts another one, or exceeds its bound.
    #[error("corrupted heap image: {0}")]
    Corrupted(&'static str),
    /// The file could not be read.
    #[error("heap image cannot be read")]
    Unreadable(#[from] io::Error),
}

/// Writes the header's fields in order; reading mirrors it.
struct Writer<'a> {
    bytes: &'a mut [u8],
    at: usize,
}

impl Writer<'_> {
    fn put(&mut self, bytes: &[u8]) {
        self.bytes[self.at..self.at + bytes.len()].copy_from_slice(bytes);
        self.at += bytes.len();
    }

    fn u64s(&mut self, values: &[u64]) {
        values.iter().for_each(|value| self.put(&value.to_le_bytes()));
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
}

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let (taken, rest) =
            self.bytes.split_first_chunk::<N>().expect("a header page has room for all fields");
        self.bytes = rest;
        *taken
    }

    fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.take())
    }

    fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take())
    }
}

impl Header {
    /// Size of all fields together; the page's rest is zero.
    const BYTES: usize = 8 + 4 + 4 + 32 + 8 + 32 + 8 * 3 + 8 * 9 + 8 * 3 + (8 * 3 + 32 + 8 * 5) + 8 * 6;

    pub(crate) fn encode(&self, page: &mut [u8; PAGE_SIZE as usize]) {
        page.fill(0);
        let mut writer = Writer { bytes: page, at: 0 };
        writer.put(&MAGIC);
        writer.put(&VERSION.to_le_bytes());
        writer.put(&ARCHITECTURE_X86_64.to_le_bytes());
        writer.put(&self.fingerprint);
        writer.u64s(&[u64::from(self.base.is_some())]);
        writer.put(&self.base.unwrap_or_default());
        writer.u64s(&[self.cpu, self.monotonic, self.data]);
        writer.u64s(&self.registers);
        writer.u64s(&[self.thread_pointer, self.robust_list, self.thawed]);
        writer.u64s(&[self.vdso.start, self.vdso.end, self.vdso.code]);
        writer.put(&self.vdso.digest);
        writer.u64s(&self.vdso.functions);
        writer.u64s(&[self.areas, self.runs, self.pages, self.hot, self.patches, self.patched]);
    }

    fn decode(page: &[u8; PAGE_SIZE as usize]) -> Result<Self, ImageError> {
        let mut reader = Reader { bytes: page };
        if reader.take() != MAGIC {
            return Err(ImageError::NotAnImage);
        }
        let version = reader.u32();
        if version != VERSION {
            return Err(ImageError::OtherVersion { found: version });
        }
        let architecture = reader.u32();
        if architecture != ARCHITECTURE_X86_64 {
            return Err(ImageError::OtherArchitecture { found: architecture });
        }
        let fingerprint = reader.take();
        let has_base = reader.u64();
        let base = reader.take();
        let header = Self {
            fingerprint,
            base: match has_base {
                0 => None,
                1 => Some(base),
                _ => return Err(ImageError::Corrupted("base marker")),
            },
            cpu: reader.u64(),
            monotonic: reader.u64(),
            data: reader.u64(),
            registers: std::array::from_fn(|_| reader.u64()),
            thread_pointer: reader.u64(),
            robust_list: reader.u64(),
            thawed: reader.u64(),
            vdso: Vdso {
                start: reader.u64(),
                end: reader.u64(),
                code: reader.u64(),
                digest: reader.take(),
                functions: std::array::from_fn(|_| reader.u64()),
            },
            areas: reader.u64(),
            runs: reader.u64(),
            pages: reader.u64(),
            hot: reader.u64(),
            patches: reader.u64(),
            patched: reader.u64(),
        };
        if page[Self::BYTES..].iter().any(|&byte| byte != 0) {
            return Err(ImageError::Corrupted("padding"));
        }
        header.check()?;
        Ok(header)
    }

    fn check(&self) -> Result<(), ImageError> {
        let within = |value: u64, max: u64, what| {
            if value > max { Err(ImageError::Corrupted(what)) } else { Ok(()) }
        };
        within(self.areas, MAX_AREAS, "number of areas")?;
        within(self.runs, MAX_RUNS, "number of runs")?;
        within(self.pages, MAX_PAGES, "number of pages")?;
        within(self.hot, MAX_HOT_PAGES, "number of hot runs")?;
        within(self.patches, MAX_PATCHES, "number of patches")?;
        within(self.patched, self.patches * PAGE_SIZE, "bytes of patches")?;
        let vdso = &self.vdso;
        if vdso.end > ADDRESS_END
            || !(vdso.start <= vdso.code && vdso.code <= vdso.end)
            || [vdso.start, vdso.code, vdso.end].iter().any(|address| address % PAGE_SIZE != 0)
            || vdso
                .functions
                .iter()
                .any(|&offset| offset != 0 && offset.saturating_add(8) > vdso.end - vdso.code)
        {
            return Err(ImageError::Corrupted("place of the vdso"));
        }
        Ok(())
    }

    pub(crate) fn tables_offset(&self) -> u64 {
        PAGE_SIZE + self.pages * PAGE_SIZE
    }

    /// Where the table of hot runs begins, which is the last one.
    pub(crate) fn hot_offset(&self) -> u64 {
        self.patched_offset() + self.patched
    }

    /// Where the table of patches begins.
    pub(crate) fn patches_offset(&self) -> u64 {
        self.tables_offset() + self.areas * AREA_BYTES + self.runs * RUN_BYTES
    }

    /// Where the bytes of the patches begin.
    pub(crate) fn patched_offset(&self) -> u64 {
        self.patches_offset() + self.patches * PATCH_BYTES
    }

    /// Size of the whole image, in bytes.
    pub fn image_bytes(&self) -> u64 {
        self.hot_offset() + self.hot * RUN_BYTES
    }
}

/// A checked image: header and tables, without the pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The header.
    pub header: Header,
    pub(crate) areas: Vec<Area>,
    pub(crate) runs: Vec<Run>,
    pub(crate) patches: Vec<Patch>,
    /// Pages that are worth having at hand.
    pub(crate) hot: Vec<Run>,
}

impl Image {
    /// Reads header and tables of a file and checks them.
    ///
    /// # Errors
    /// [`ImageError`] says what the file is instead.
    pub fn read(file: &File) -> Result<Self, ImageError> {
        // Not `metadata`: a sandboxed process may not name files, and that is how glibc asks.
        let actual = { file }.seek(SeekFrom::End(0))?;
        if actual < PAGE_SIZE {
            let mut magic = [0; MAGIC.len()];
            return Err(match file.read_exact_at(&mut magic, 0) {
                Ok(()) if magic == MAGIC => ImageError::Truncated { expected: PAGE_SIZE, actual },
                Ok(()) | Err(_) => ImageError::NotAnImage,
            });
        }
        let mut page = [0; PAGE_SIZE as usize];
        file.read_exact_at(&mut page, 0)?;
        let header = Header::decode(&page)?;
        let expected = header.image_bytes();
        if actual != expected {
            return Err(ImageError::Truncated { expected, actual });
        }
        let table = |from: u64, to: u64| {
            let mut table = vec![0; (to - from) as usize];
            file.read_exact_at(&mut table, from).map(|()| table)
        };
        // The bytes of the patches are only looked at when they are applied.
        let tables = table(header.tables_offset(), header.patched_offset())?;
        Self::assemble(header, &tables, &table(header.hot_offset(), header.image_bytes())?)
    }

    /// Checks an image that is in memory; for fuzzing.
    ///
    /// # Errors
    /// As [`Image::read`].
    pub fn parse(bytes: &[u8]) -> Result<Self, ImageError> {
        let Some((page, _)) = bytes.split_first_chunk::<{ PAGE_SIZE as usize }>() else {
            return Err(ImageError::NotAnImage);
        };
        let header = Header::decode(page)?;
        let (expected, actual) = (header.image_bytes(), bytes.len() as u64);
        if actual != expected {
            return Err(ImageError::Truncated { expected, actual });
        }
        let table = |from: u64, to: u64| &bytes[from as usize..to as usize];
        let tables = table(header.tables_offset(), header.patched_offset());
        Self::assemble(header, tables, table(header.hot_offset(), header.image_bytes()))
    }

    fn assemble(header: Header, tables: &[u8], hot: &[u8]) -> Result<Self, ImageError> {
        let (areas, tables) = tables.split_at((header.areas * AREA_BYTES) as usize);
        let (runs, patches) = tables.split_at((header.runs * RUN_BYTES) as usize);
        let decode_runs = |bytes: &[u8]| bytes.chunks_exact(RUN_BYTES as usize).map(decode_run).collect();
        let image = Self {
            header,
            areas: areas.chunks_exact(AREA_BYTES as usize).map(decode_area).collect::<Result<_, _>>()?,
            runs: decode_runs(runs),
            patches: patches.chunks_exact(PATCH_BYTES as usize).map(decode_patch).collect(),
            hot: decode_runs(hot),
        };
        image.check_areas()?;
        image.check_patches()?;
        if image.check_runs(&image.runs, MAX_PAGES)? != header.pages {
            return Err(ImageError::Corrupted("number of pages"));
        }
        image.check_runs(&image.hot, MAX_HOT_PAGES)?;
        Ok(image)
    }

    /// Stretches of memory that each show pages of one file as they are there, in ascending order: of the image
    /// itself, or of the program.
    pub(crate) fn pieces_of_files(&self) -> Vec<Run> {
        let mut pieces = Vec::new();
        let mut runs = self.runs.iter().peekable();
        for area in &self.areas {
            let shows_program = matches!(area.backing, Backing::Program(_));
            let between = |address: u64, end: u64| {
                let pages = (end - address) / PAGE_SIZE;
                (shows_program && pages > 0).then_some(Run { address, pages })
            };
            let mut reached = area.start;
            while let Some(run) = runs.next_if(|run| run.address < area.end) {
                pieces.extend(between(reached, run.address));
                pieces.push(*run);
                reached = run.end();
            }
            pieces.extend(between(reached, area.end));
        }
        pieces
    }

    /// Notes which pages, in ascending order, are worth having at hand.
    ///
    /// # Errors
    /// If these are more than an image may have; it is not to be used then.
    pub(crate) fn set_hot(&mut self, hot: Vec<Run>) -> Result<(), ImageError> {
        self.check_runs(&hot, MAX_HOT_PAGES)?;
        self.header.hot = hot.len() as u64;
        self.hot = hot;
        Ok(())
    }

    fn check_areas(&self) -> Result<(), ImageError> {
        let vdso = &self.header.vdso;
        let mut end = PAGE_SIZE;
        for area in &self.areas {
            let aligned = [area.start, area.end, area.offset].iter().all(|value| value % PAGE_SIZE == 0);
            let ordered = end <= area.start && area.start < area.end && area.end <= ADDRESS_END;
            if !aligned || !ordered {
                return Err(ImageError::Corrupted("area"));
            }
            if area.start < vdso.end && area.end > vdso.start {
                return Err(ImageError::Corrupted("area over the vdso"));
            }
            if area.backing == Backing::Base && self.header.base.is_none() {
                return Err(ImageError::Corrupted("area of a base that is not named"));
            }
            if area.offset.checked_add(area.end - area.start).is_none() {
                return Err(ImageError::Corrupted("offset of an area"));
            }
            end = area.end;
        }
        Ok(())
    }

    fn check_patches(&self) -> Result<(), ImageError> {
        let (mut end, mut patched) = (0, 0);
        let mut areas = self.areas.iter().peekable();
        for &Patch { address, bytes } in &self.patches {
            let words = bytes > 0 && address.is_multiple_of(WORD) && bytes.is_multiple_of(WORD);
            // Before the two are added: the address is anything.
            let in_one_page = address <= ADDRESS_END && bytes <= PAGE_SIZE - address % PAGE_SIZE;
            if !words || !in_one_page || address < end {
                return Err(ImageError::Corrupted("patch"));
            }
            end = address + bytes;
            patched += bytes;
            while areas.next_if(|area| area.end <= address).is_some() {}
            match areas.peek() {
                Some(area) if area.start <= address && end <= area.end && is_writable(area.protection) => {}
                Some(_) | None => return Err(ImageError::Corrupted("patch outside of writable memory")),
            }
        }
        if patched == self.header.patched { Ok(()) } else { Err(ImageError::Corrupted("bytes of patches")) }
    }

    /// Gives the number of pages in `runs`.
    fn check_runs(&self, runs: &[Run], max: u64) -> Result<u64, ImageError> {
        let (mut end, mut pages) = (0, 0u64);
        let mut areas = self.areas.iter().peekable();
        for run in runs {
            let bounded = run.pages > 0 && run.pages <= max && run.address <= ADDRESS_END;
            if !bounded || !run.address.is_multiple_of(PAGE_SIZE) || run.address < end {
                return Err(ImageError::Corrupted("run"));
            }
            end = run.end();
            pages += run.pages;
            while areas.next_if(|area| area.end <= run.address).is_some() {}
            match areas.peek() {
                Some(area) if area.start <= run.address && end <= area.end => {}
                Some(_) | None => return Err(ImageError::Corrupted("run outside of any area")),
            }
        }
        if pages > max { Err(ImageError::Corrupted("number of pages")) } else { Ok(pages) }
    }
}

fn decode_patch(bytes: &[u8]) -> Patch {
    let mut reader = Reader { bytes };
    Patch { address: reader.u64(), bytes: reader.u64() }
}

fn decode_area(bytes: &[u8]) -> Result<Area, ImageError> {
    let mut reader = Reader { bytes };
    let (start, end) = (reader.u64(), reader.u64());
    let (protection, backing) = (reader.u32(), Backing::decode(reader.u32()));
    if protection > 7 {
        return Err(ImageError::Corrupted("protection of an area"));
    }
    Ok(Area { start, end, protection, backing, offset: reader.u64() })
}

fn decode_run(bytes: &[u8]) -> Run {
    let mut reader = Reader { bytes };
    Run { address: reader.u64(), pages: reader.u64() }
}

#[cfg(test)]
#[path = "format_tests.rs"]
mod tests;
