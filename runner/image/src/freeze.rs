//! Writes the calling process into a file.
//!
//! The work is done on a stack of its own, with memory of its own, by code that neither allocates nor
//! writes to anything that belongs to the process: whatever it changed would be changed in the image
//! too, half-way.

mod pages;

use std::{
    ffi::c_void,
    io,
    os::fd::{AsRawFd, BorrowedFd, RawFd},
};

use sha2::{Digest, Sha256};

use crate::{
    CAN_FREEZE, CodePart, FileIdentity, PAGE_SIZE, arch, cpu,
    format::{Area, Backing, Header, MAX_AREAS, MAX_PATCHES, MAX_RUNS, Run, Vdso},
    interpose::{self, THAWED},
    maps::{self, Mapping},
    pagemap::Region,
    scratch::{Scratch, release},
};

use pages::Keep;

/// What [`freeze`] needs. The descriptors may belong to files that the caller could not open itself.
#[derive(Debug)]
pub struct FreezeRequest<'a> {
    /// An empty file, open for writing.
    pub image: BorrowedFd<'a>,
    /// This process's `/proc/PID/maps`, just opened.
    pub maps: BorrowedFd<'a>,
    /// This process's `/proc/PID/pagemap`.
    pub pagemap: BorrowedFd<'a>,
    /// See [`crate::Program::fingerprint`].
    pub fingerprint: [u8; 32],
    /// See [`crate::Program::files`].
    pub program: &'a [FileIdentity],
    /// The copy of the program's code that this process may have been thawed with, and what it shows.
    pub code: Option<(FileIdentity, &'a [CodePart])>,
    /// Id and file of the base image; `None` makes a base image: one that is mapped in few, large
    /// pieces, and whose pages later images need not repeat.
    pub base: Option<FreezeBase<'a>>,
}

/// The base image that a new image may refer to.
#[derive(Debug, Clone, Copy)]
pub struct FreezeBase<'a> {
    /// Its id.
    pub id: [u8; 32],
    /// How the kernel names its file in memory maps.
    pub identity: FileIdentity,
    /// Its file: pages that were written to and are what they were before need not be stored.
    pub file: BorrowedFd<'a>,
}

/// How a call of [`freeze`] returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frozen {
    /// In the process that was frozen; it must not go on as if nothing had happened, because the
    /// frozen one may.
    Written {
        /// Whole pages in the image.
        pages: u64,
        /// To be ended, should this process go on.
        pause: Pause,
    },
    /// In a process that was thawed from the image.
    Thawed {
        /// See [`Header::data`].
        data: u64,
    },
}

/// The time in which a process that was frozen does nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pause {
    /// Where the monotonic clocks stood, in nanoseconds.
    since: u64,
}

impl Pause {
    /// Has this process go on as one that is thawed from the image at this moment: its monotonic clocks go on
    /// where they stood, and random generators seed themselves anew.
    pub fn end(self) {
        interpose::set_monotonic(self.since);
        interpose::after_thaw();
    }
}

/// Why a process could not be frozen. Nothing about the process has changed.
#[derive(Debug, thiserror::Error)]
pub enum FreezeError {
    /// No memory for the copying itself.
    #[error("no memory to freeze with")]
    Memory(#[source] io::Error),
    /// The system call with this error number failed.
    #[error("image cannot be written")]
    Write(#[source] io::Error),
    /// Nothing can be frozen on this kind of processor; see [`crate::CAN_FREEZE`].
    #[error("processes cannot be frozen on this kind of processor ({})", std::env::consts::ARCH)]
    Unsupported,
    /// `maps` or `pagemap` could not be read or understood.
    #[error("memory map of the process cannot be read")]
    Maps,
    /// A file is mapped that is neither the program's nor the base image's nor an image's.
    #[error("the process has memory that it shares with others")]
    Shared,
    /// More areas or separate stretches of pages than an image may have.
    #[error("the process's memory is too fragmented")]
    Fragmented,
}

/// Largest text of `maps`: [`MAX_AREAS`] lines of 128 bytes.
const MAX_MAPS_BYTES: usize = MAX_AREAS as usize * 128;
/// Entries of `pagemap` read at a time.
const PAGEMAP_ENTRIES: usize = 1 << 15;
/// Stretches of pages asked for at a time.
const SCAN_REGIONS: usize = 1 << 10;
/// Stretches of pages written with one system call; Linux's `IOV_MAX`.
const WRITE_BATCH: usize = 1024;
const STACK_BYTES: usize = 64 << 10;
/// What a thawed process's stack may grow to. It does not grow by itself any more.
const STACK_ROOM: u64 = 8 << 20;
/// In a base image, pages between two changed ones, or between one and an end of its mapping, are stored too if there
/// are no more than these: each stretch that is stored is a mapping of its own.
const BASE_GAP: u64 = 256;

/// Writes this process into `request.image`. Returns twice: [`Frozen::Written`] here, and
/// [`Frozen::Thawed`] in each process that [`crate::Loader::thaw`]s the image.
///
/// What is not memory is not frozen: open files, timers, signal handlers and whatever else the kernel
/// keeps for a process. Memory without any access rights counts as discarded. Shared mappings are
/// refused. The monotonic clocks of a thawed process go on where this one's stood.
///
/// # Safety
/// The process has one thread. It has no restartable sequences registered (glibc registers one
/// unless `GLIBC_TUNABLES=glibc.pthread.rseq=0`). Whoever looks at the result treats a thawed process
/// as a copy: like a forked child, but with no parent.
///
/// # Errors
/// [`FreezeError`]; the process goes on unharmed and the image file is worthless.
pub unsafe fn freeze(request: &FreezeRequest<'_>) -> Result<Frozen, FreezeError> {
    if !CAN_FREEZE {
        return Err(FreezeError::Unsupported);
    }
    let bytes = MAX_MAPS_BYTES
        + MAX_AREAS as usize * size_of::<[u64; 4]>()
        + (MAX_RUNS + MAX_PATCHES) as usize * size_of::<[u64; 2]>()
        + PAGEMAP_ENTRIES * size_of::<u64>()
        + SCAN_REGIONS * size_of::<Region>()
        + WRITE_BATCH * size_of::<libc::iovec>()
        + STACK_BYTES
        + (64 << 10);
    let mut scratch = Scratch::new(bytes).map_err(FreezeError::Memory)?;
    let copier = Copier::place(&mut scratch, request).ok_or(FreezeError::Maps)?;
    let stack = scratch.allocate::<u128>(STACK_BYTES / size_of::<u128>()).ok_or(FreezeError::Maps)?;
    // SAFETY: the registers live in the scratch area, which outlives the call; the stack is
    // aligned and ends there; `copy` expects a `Copier`.
    let status = unsafe {
        arch::capture(
            &raw mut (*copier).header.registers,
            stack.as_mut_ptr_range().end.cast(),
            copy,
            copier.cast(),
        )
    };
    if status == arch::THAWED {
        // In another process, the scratch area of that process is where the restorer still runs
        // from; this one's does not exist there.
        scratch.leak();
        release(
            THAWED.scratch_start.load(std::sync::atomic::Ordering::Relaxed),
            THAWED.scratch_bytes.load(std::sync::atomic::Ordering::Relaxed),
        );
        interpose::after_thaw();
        return Ok(Frozen::Thawed { data: THAWED.data.load(std::sync::atomic::Ordering::Relaxed) });
    }
    // SAFETY: `copy` is done, nobody else refers to the copier.
    let copier = unsafe { &*copier };
    match copier.failure {
        None => {
            let header = &copier.header;
            Ok(Frozen::Written { pages: header.pages, pause: Pause { since: header.monotonic } })
        }
        Some(Failure::Write(errno)) => Err(FreezeError::Write(io::Error::from_raw_os_error(errno))),
        Some(Failure::Maps) => Err(FreezeError::Maps),
        Some(Failure::Shared) => Err(FreezeError::Shared),
        Some(Failure::Fragmented) => Err(FreezeError::Fragmented),
    }
}

/// [`FreezeError`] without anything that would have to be allocated.
#[derive(Debug, Clone, Copy)]
enum Failure {
    Write(i32),
    Maps,
    Shared,
    Fragmented,
}

/// Everything that the copying uses; lives in the scratch area.
struct Copier<'a> {
    scratch: (u64, u64),
    request: &'a FreezeRequest<'a>,
    header: Header,
    maps: &'static mut [u8],
    areas: &'static mut [[u64; 4]],
    runs: &'static mut [[u64; 2]],
    patches: &'static mut [[u64; 2]],
    entries: &'static mut [u64],
    regions: &'static mut [Region],
    batch: &'static mut [libc::iovec],
    batched: usize,
    /// Room for a page of the base image.
    page: &'static mut [u64],
    written: u64,
    failure: Option<Failure>,
}

impl<'a> Copier<'a> {
    fn place(scratch: &mut Scratch, request: &'a FreezeRequest<'a>) -> Option<*mut Self> {
        let place = scratch.allocate::<u8>(size_of::<Self>())?.as_mut_ptr().cast::<Self>();
        let copier = Self {
            scratch: (scratch.start(), scratch.end()),
            request,
            header: header(request),
            maps: scratch.allocate(MAX_MAPS_BYTES)?,
            areas: scratch.allocate(MAX_AREAS as usize)?,
            runs: scratch.allocate(MAX_RUNS as usize)?,
            patches: scratch.allocate(MAX_PATCHES as usize)?,
            entries: scratch.allocate(PAGEMAP_ENTRIES)?,
            regions: scratch.allocate(SCAN_REGIONS)?,
            batch: scratch.allocate(WRITE_BATCH)?,
            batched: 0,
            page: scratch.allocate(PAGE_SIZE as usize / size_of::<u64>())?,
            written: PAGE_SIZE,
            failure: None,
        };
        // SAFETY: the place is inside the scratch area, large enough, and 16-byte aligned.
        unsafe { place.write(copier) };
        Some(place)
    }
}

fn header(request: &FreezeRequest<'_>) -> Header {
    let (mut robust_list, mut robust_bytes) = (0u64, 0usize);
    // SAFETY: the call only fills in the places it is given.
    unsafe { libc::syscall(libc::SYS_get_robust_list, 0, &mut robust_list, &mut robust_bytes) };
    Header {
        fingerprint: request.fingerprint,
        base: request.base.map(|base| base.id),
        cpu: cpu::current(),
        monotonic: interpose::monotonic(),
        data: 0,
        registers: [0; 9],
        thread_pointer: arch::thread_pointer(),
        robust_list,
        thawed: &raw const THAWED as u64,
        vdso: Vdso { functions: interpose::function_offsets(), ..Vdso::default() },
        areas: 0,
        runs: 0,
        pages: 0,
        hot: 0,
        patches: 0,
        patched: 0,
    }
}

/// Runs on the scratch stack. Returns anything but [`arch::THAWED`].
extern "C" fn copy(argument: *mut c_void) -> u64 {
    // SAFETY: `freeze` passes its copier, which nobody else uses meanwhile.
    let copier = unsafe { &mut *argument.cast::<Copier<'_>>() };
    copier.failure = copier.copy_everything().err();
    0
}

impl Copier<'_> {
    fn copy_everything(&mut self) -> Result<(), Failure> {
        let text = self.read_maps()?;
        for line in maps::parse(text) {
            let mapping = line.ok_or(Failure::Maps)?;
            if mapping.is_vdso() {
                self.note_vdso(&mapping);
            } else if !mapping.is_vsyscall() && !self.is_scratch(&mapping) {
                self.copy_mapping(&mapping)?;
            }
        }
        self.flush()?;
        self.write_tables()
    }

    fn read_maps(&mut self) -> Result<&'static [u8], Failure> {
        // SAFETY: the buffer is scratch memory that outlives the copier; it is only read from here
        // on, through the slice that is returned.
        let buffer = unsafe { std::slice::from_raw_parts_mut(self.maps.as_mut_ptr(), self.maps.len()) };
        let mut filled = 0;
        loop {
            match read(self.request.maps.as_raw_fd(), &mut buffer[filled..]) {
                Ok(0) if filled < buffer.len() => return Ok(&buffer[..filled]),
                Ok(0) => return Err(Failure::Fragmented),
                Ok(read) => filled += read,
                Err(_) => return Err(Failure::Maps),
            }
        }
    }

    /// The kernel may have merged the scratch area with an anonymous neighbour; the part that is
    /// scratch is cut off in `copy_mapping`.
    fn is_scratch(&self, mapping: &Mapping<'_>) -> bool {
        self.scratch.0 <= mapping.start && mapping.end <= self.scratch.1
    }

    fn note_vdso(&mut self, mapping: &Mapping<'_>) {
        let vdso = &mut self.header.vdso;
        if vdso.start == 0 {
            vdso.start = mapping.start;
        }
        vdso.end = mapping.end;
        if mapping.name == b"[vdso]" {
            vdso.code = mapping.start;
            vdso.digest = digest_of(mapping.start, mapping.end);
        }
    }

    fn copy_mapping(&mut self, mapping: &Mapping<'_>) -> Result<(), Failure> {
        let (start, end) = self.scratch;
        if mapping.start < end && start < mapping.end {
            let cut = |from: u64, to: u64| Mapping { start: from, end: to, ..*mapping };
            if mapping.start < start {
                self.copy_mapping(&cut(mapping.start, start))?;
            }
            if end < mapping.end {
                self.copy_mapping(&cut(end, mapping.end))?;
            }
            return Ok(());
        }
        if mapping.shared {
            return Err(Failure::Shared);
        }
        let (backing, offset, keep) = self.classify(mapping);
        let mut area =
            Area { start: mapping.start, end: mapping.end, protection: mapping.protection, backing, offset };
        if mapping.is_stack() {
            area.start = area.start.min(area.end.saturating_sub(STACK_ROOM));
        }
        if maps::is_writable(mapping.protection) {
            self.header.data += area.end - area.start;
        }
        self.add_area(&area)?;
        if mapping.protection == 0 { Ok(()) } else { self.copy_pages(mapping, keep) }
    }

    /// Adds an area to the table. A file of the program that goes on where the last area ended is one with
    /// it: the part that was mapped from a copy of the code is not to be told from the rest.
    fn add_area(&mut self, area: &Area) -> Result<(), Failure> {
        let count = self.header.areas as usize;
        let next @ [_, _, kind, _] = area.encode();
        if let (Backing::Program(_), Some([start, end, last_kind, offset])) =
            (area.backing, self.areas[..count].last_mut())
            && *last_kind == kind
            && *end == area.start
            && *offset + (*end - *start) == area.offset
        {
            *end = area.end;
            return Ok(());
        }
        *self.areas.get_mut(count).ok_or(Failure::Fragmented)? = next;
        self.header.areas += 1;
        Ok(())
    }

    /// What a mapping shows, from which offset on, and which of its pages belong into the image.
    fn classify(&self, mapping: &Mapping<'_>) -> (Backing, u64, Keep) {
        let Some(file) = mapping.file else { return (Backing::Anonymous, 0, Keep::NonZero) };
        let offset = mapping.offset;
        if self.request.base.is_some_and(|base| base.identity == file) {
            return (Backing::Base, offset, Keep::Different { offset, start: mapping.start });
        }
        if let Some((identity, parts)) = self.request.code
            && identity == file
            && let Some((part, offset)) = parts.iter().find_map(|part| Some((part, part.offset_of(offset)?)))
        {
            return (Backing::Program(part.file), offset, Keep::Changed);
        }
        match self.request.program.iter().position(|&known| known == file) {
            Some(index) => (Backing::Program(index as u32), offset, Keep::Changed),
            // The image that this process was thawed from, or a file that was mapped privately:
            // its pages are not to be had elsewhere.
            None => (Backing::Anonymous, 0, Keep::All),
        }
    }

    fn write_run(&mut self, run: Run) -> Result<(), Failure> {
        if run.pages == 0 {
            return Ok(());
        }
        *self.runs.get_mut(self.header.runs as usize).ok_or(Failure::Fragmented)? = run.encode();
        self.header.runs += 1;
        self.header.pages += run.pages;
        self.write(run.address, run.pages * PAGE_SIZE)
    }

    /// Has memory of the process written behind what was written last.
    fn write(&mut self, address: u64, bytes: u64) -> Result<(), Failure> {
        if self.batched == self.batch.len() {
            self.flush()?;
        }
        self.batch[self.batched] = libc::iovec { iov_base: address as *mut c_void, iov_len: bytes as usize };
        self.batched += 1;
        Ok(())
    }

    /// Writes what is batched.
    fn flush(&mut self) -> Result<(), Failure> {
        let mut pending = &mut self.batch[..self.batched];
        self.batched = 0;
        while !pending.is_empty() {
            // SAFETY: the vectors name mapped, readable pages of this process.
            let written = unsafe {
                libc::pwritev(
                    self.request.image.as_raw_fd(),
                    pending.as_ptr(),
                    pending.len() as libc::c_int,
                    self.written as libc::off_t,
                )
            };
            let mut written = accept(written)?;
            self.written += written as u64;
            while let Some(first) = pending.first_mut() {
                if written < first.iov_len {
                    first.iov_base = first.iov_base.wrapping_byte_add(written);
                    first.iov_len -= written;
                    break;
                }
                written -= first.iov_len;
                pending = &mut pending[1..];
            }
        }
        Ok(())
    }

    fn write_tables(&mut self) -> Result<(), Failure> {
        let offset = self.header.tables_offset();
        let areas = as_bytes(&self.areas[..self.header.areas as usize]);
        self.write_at(areas, offset)?;
        let runs = as_bytes(&self.runs[..self.header.runs as usize]);
        self.write_at(runs, offset + areas.len() as u64)?;
        let patches = self.header.patches as usize;
        self.write_at(as_bytes(&self.patches[..patches]), self.header.patches_offset())?;
        self.written = self.header.patched_offset();
        for index in 0..patches {
            let [address, bytes] = self.patches[index];
            self.write(address, bytes)?;
        }
        self.flush()?;
        let mut page = [0; PAGE_SIZE as usize];
        self.header.encode(&mut page);
        self.write_at(&page, 0)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<(), Failure> {
        let mut done = 0;
        while done < bytes.len() {
            let rest = &bytes[done..];
            // SAFETY: the bytes are valid for reading.
            done += accept(unsafe {
                libc::pwrite(
                    self.request.image.as_raw_fd(),
                    rest.as_ptr().cast(),
                    rest.len(),
                    (offset + done as u64) as libc::off_t,
                )
            })?;
        }
        Ok(())
    }
}

fn digest_of(start: u64, end: u64) -> [u8; 32] {
    // SAFETY: the kernel's code is mapped readable for the life of the process.
    let code = unsafe { std::slice::from_raw_parts(start as *const u8, (end - start) as usize) };
    Sha256::digest(code).into()
}

/// The vdso of this process, for the loader.
pub(crate) fn current_vdso(mappings: &[Mapping<'_>]) -> Vdso {
    let mut parts = mappings.iter().filter(|mapping| mapping.is_vdso()).peekable();
    let start = parts.peek().map_or(0, |first| first.start);
    parts.fold(Vdso { start, ..Vdso::default() }, |vdso, part| {
        let code = part.name == b"[vdso]";
        Vdso {
            end: part.end,
            code: if code { part.start } else { vdso.code },
            digest: if code { digest_of(part.start, part.end) } else { vdso.digest },
            ..vdso
        }
    })
}

fn protect(mapping: &Mapping<'_>, protection: u32) -> Result<(), Failure> {
    // SAFETY: read access is added to a mapping of this process, or its own protection restored.
    let result = unsafe {
        libc::mprotect(
            mapping.start as *mut c_void,
            (mapping.end - mapping.start) as usize,
            protection as libc::c_int,
        )
    };
    if result == 0 { Ok(()) } else { Err(Failure::Maps) }
}

fn read(file: RawFd, buffer: &mut [u8]) -> Result<usize, Failure> {
    // SAFETY: the buffer is valid for writing.
    accept(unsafe { libc::read(file, buffer.as_mut_ptr().cast(), buffer.len()) })
}

fn accept(result: isize) -> Result<usize, Failure> {
    match usize::try_from(result) {
        Ok(count) => Ok(count),
        // SAFETY: the C library's own place for errors of this thread.
        Err(_) => Err(Failure::Write(unsafe { *libc::__errno_location() })),
    }
}

fn as_bytes<const N: usize>(words: &[[u64; N]]) -> &[u8] {
    // SAFETY: numbers have no padding; little-endian is the file's byte order and this machine's.
    unsafe { std::slice::from_raw_parts(words.as_ptr().cast(), size_of_val(words)) }
}
