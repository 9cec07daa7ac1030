//! Replaces the calling process by a frozen one.
//!
//! Everything that can fail with an explanation is done first: tables are read, checked, and compiled
//! into a list of system calls. Then a small routine, copied to a place that neither process uses,
//! performs the list: it unmaps everything else, maps the image, and loads the registers. A step that
//! fails ends the process with status [`crate::RESTORE_FAILED`].

use std::{
    fs::File,
    io,
    os::{fd::AsRawFd as _, unix::fs::FileExt as _},
};

use crate::{
    CAN_FREEZE, CodePart, FileIdentity, PAGE_SIZE, Program, ProgramError,
    arch::{self, Registers, Restorer, Step},
    cpu,
    format::{ADDRESS_END, Area, Backing, Image, ImageError, Run, Vdso},
    freeze::current_vdso,
    interpose,
    maps::is_writable,
    program::{mappings, read_own_maps},
    scratch::Scratch,
    steps::{
        advise, copy_tables_on_fork, fault_singly, forget_changes, map_anonymous, map_file, move_mapping,
        protect, unmap_all_but,
    },
};

/// Everything that [`Loader::thaw`] needs of the process it runs in. Made before the process gives
/// up its access to files; stays valid in forked children.
#[derive(Debug)]
pub struct Loader {
    program: Program,
    vdso: Vdso,
    /// The mappings that make up the vdso, ascending.
    vdso_parts: Vec<(u64, u64)>,
    cpu: u64,
}

/// What is to be thawed. Who asks has authenticated the image.
#[derive(Debug)]
pub struct ThawRequest<'a> {
    /// The image.
    pub image: &'a File,
    /// Id and file of its base image, if the image has one.
    pub base: Option<([u8; 32], &'a File)>,
    /// A copy of the program's code in large pages, to be used where it fits: what it shows, and its memory.
    pub code: Option<(&'a [CodePart], &'a File)>,
    /// What the thawed process has in its page tables.
    pub paging: Paging,
    /// Descriptors from this one on are closed in the thawed process.
    pub close_from: u32,
}

/// How a thawed process's page tables are filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paging {
    /// By the kernel, when pages are used, with the neighbours that it chooses.
    OnDemand,
    /// For a process that will fork: with exactly the pages that are worth having at hand. The kernel then
    /// copies page tables instead of having each child fault the same pages in.
    AtHand,
    /// By the kernel, with no neighbours of pages of a file: for [`crate::learn_pages_at_hand`].
    Exact,
}

/// Why an image cannot be thawed here. Nothing has changed yet.
#[derive(Debug, thiserror::Error)]
pub enum ThawError {
    /// It is not an image, or damaged.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// It was made by another build.
    #[error("heap was made by another build ({found}; this is {current})")]
    OtherBuild {
        /// First digits of the image's fingerprint.
        found: String,
        /// First digits of this build's.
        current: String,
    },
    /// It needs processor features that this machine lacks.
    #[error("heap was made on a processor with features that this one lacks: {0}")]
    OtherProcessor(String),
    /// It refers to another base image than the one that was given.
    #[error("heap refers to another base image")]
    OtherBase,
    /// Nothing can be thawed on this kind of processor; see [`crate::CAN_FREEZE`].
    #[error("heaps cannot be resumed on this kind of processor ({})", std::env::consts::ARCH)]
    Unsupported,
    /// It has too little in common with its base image to be laid over it; see [`crate::overlay`].
    #[error("heap cannot be laid over its base image")]
    Unlike,
    /// It uses addresses that the kernel needs in this process.
    #[error("heap does not fit into this process's address space")]
    NoRoom,
    /// The system refused what a thaw needs.
    #[error("heap cannot be mapped")]
    System(#[from] io::Error),
}

/// Runs of pages up to this size are read, larger ones are mapped.
pub(crate) const READ_PAGES: u64 = 16;
const READ_BATCH: usize = 1024;
const STACK_BYTES: usize = 16 << 10;
/// Places for the scratch area: from 16 TiB in steps of 64 GiB, far from where Linux puts things.
const FIRST_PLACE: u64 = 0x1000_0000_0000;
const PLACE_STEP: u64 = 64 << 30;

impl Loader {
    /// Examines the current process.
    ///
    /// # Errors
    /// As [`Program::current`].
    pub fn new() -> Result<Self, ProgramError> {
        let text = read_own_maps().map_err(ProgramError::Maps)?;
        let mappings = mappings(&text)?;
        let parts = mappings.iter().filter(|mapping| mapping.is_vdso());
        Ok(Self {
            program: Program::mapped(&mappings)?,
            vdso: current_vdso(&mappings),
            vdso_parts: parts.map(|part| (part.start, part.end)).collect(),
            cpu: cpu::current(),
        })
    }

    /// This build's fingerprint.
    pub fn fingerprint(&self) -> [u8; 32] {
        self.program.fingerprint()
    }

    /// This build's files, for [`crate::FreezeRequest::program`].
    pub fn program_files(&self) -> Vec<FileIdentity> {
        self.program.files()
    }

    pub(crate) fn program_file(&self, index: u32) -> Option<&File> {
        self.program.file(index)
    }

    /// Checks that an image can be thawed in this build and on this machine.
    ///
    /// # Errors
    /// [`ThawError`] says why not.
    pub fn check(&self, image: &Image) -> Result<(), ThawError> {
        let header = &image.header;
        if header.fingerprint != self.fingerprint() {
            let digits = |bytes: [u8; 32]| bytes[..6].iter().map(|byte| format!("{byte:02x}")).collect();
            return Err(ThawError::OtherBuild {
                found: digits(header.fingerprint),
                current: digits(self.fingerprint()),
            });
        }
        match cpu::missing(header.cpu, self.cpu) {
            0 => Ok(()),
            missing => Err(ThawError::OtherProcessor(cpu::names(missing))),
        }
    }

    /// Replaces this process by the frozen one; returns only if that is impossible.
    ///
    /// # Safety
    /// The process has one thread, and whatever its memory holds is no longer needed.
    pub unsafe fn thaw(&self, request: &ThawRequest<'_>) -> ThawError {
        match self.prepare(request) {
            Err(error) => error,
            // SAFETY: the caller gave up everything that this process has in its memory.
            Ok(prepared) => unsafe { prepared.perform() },
        }
    }

    fn prepare(&self, request: &ThawRequest<'_>) -> Result<Prepared, ThawError> {
        if !CAN_FREEZE {
            return Err(ThawError::Unsupported);
        }
        let image = Image::read(request.image)?;
        self.check(&image)?;
        if image.header.base != request.base.map(|(id, _)| id) {
            return Err(ThawError::OtherBase);
        }
        let hot = match request.base {
            _ if request.paging != Paging::AtHand => Vec::new(),
            Some((_, base)) => Image::read(base)?.hot,
            None => image.hot.clone(),
        };
        Plan { now: Now::Other(self), request, image: &image, hot, reads: Vec::new() }.place()
    }
}

/// What remains to be done once nothing can be explained any more.
pub(crate) struct Prepared {
    restorer: Restorer,
    steps: &'static [Step],
    registers: *const Registers,
    stack_top: u64,
}

impl Prepared {
    /// # Safety
    /// As [`Loader::thaw`].
    pub(crate) unsafe fn perform(self) -> ! {
        // SAFETY: the steps were compiled from a checked image and leave the scratch area alone; the caller gave up
        // everything else.
        unsafe {
            (self.restorer)(self.steps.as_ptr(), self.steps.len() as u64, self.registers, self.stack_top)
        }
    }
}

/// What the process has in its memory before a thaw.
pub(crate) enum Now<'a> {
    /// Nothing of the image.
    Other(&'a Loader),
    /// The base image that the image refers to, as these mappings, and the kernel's code where the image has it.
    Base(Vec<Area>),
}

/// The steps of one thaw, before they are placed.
pub(crate) struct Plan<'a> {
    pub(crate) now: Now<'a>,
    pub(crate) request: &'a ThawRequest<'a>,
    pub(crate) image: &'a Image,
    /// Pages to be had at hand.
    pub(crate) hot: Vec<Run>,
    /// Stretches of memory to be read, with the place of the first in the file.
    pub(crate) reads: Vec<(Vec<libc::iovec>, u64)>,
}

impl Plan<'_> {
    pub(crate) fn place(mut self) -> Result<Prepared, ThawError> {
        let overlays = self.overlays();
        let code = arch::restorer_code();
        let step_count = 64
            + self.image.areas.len() * 5
            + overlays.len() * 3
            + self.reads.len()
            + self.paging_steps(&overlays);
        let vectors: usize = self.reads.iter().map(|(vectors, _)| vectors.len() + 1).sum();
        let vdso_bytes = match &self.now {
            Now::Other(loader) => (loader.vdso.end - loader.vdso.start) as usize,
            Now::Base(_) => 0,
        };
        let bytes = PAGE_SIZE as usize * 4
            + step_count * size_of::<Step>()
            + vectors * size_of::<libc::iovec>()
            + self.reads.len() * 16
            + self.image.patches.len() * size_of::<[u64; 2]>()
            + self.image.header.patched as usize
            + STACK_BYTES
            + vdso_bytes;
        let mut scratch = self.find_place(bytes)?;
        let full = || ThawError::NoRoom;
        let code_place = scratch.allocate::<u8>(PAGE_SIZE as usize).ok_or_else(full)?;
        code_place[..code.len()].copy_from_slice(code);
        let registers = scratch.allocate::<Registers>(1).ok_or_else(full)?;
        registers[0] = self.image.header.registers;
        let stack = scratch.allocate::<u128>(STACK_BYTES / 16).ok_or_else(full)?;
        let steps = scratch.allocate::<[u64; 8]>(step_count).ok_or_else(full)?;
        let reads: Vec<_> = std::mem::take(&mut self.reads)
            .into_iter()
            .map(|(vectors, offset)| {
                let place = scratch.allocate::<libc::iovec>(vectors.len()).ok_or_else(full)?;
                place.copy_from_slice(&vectors);
                Ok((&*place, offset))
            })
            .collect::<Result<_, ThawError>>()?;
        let patches = self.read_patches(&mut scratch)?;
        let vdso_place = scratch.end() - vdso_bytes as u64;
        let list = self.steps(&scratch, vdso_place, &overlays, &reads, patches)?;
        scratch.make_executable(PAGE_SIZE as usize)?;
        // SAFETY: a `Step` is eight numbers; the place was allocated for at least as many, and is
        // used as nothing else from here on.
        let steps = unsafe {
            let place = steps.as_mut_ptr().cast::<Step>();
            assert!(list.len() <= step_count, "the number of steps was underestimated");
            place.copy_from_nonoverlapping(list.as_ptr(), list.len());
            std::slice::from_raw_parts(place, list.len())
        };
        let prepared = Prepared {
            // SAFETY: the copy of the restorer is position-independent and has this signature.
            restorer: unsafe { std::mem::transmute::<u64, Restorer>(scratch.start()) },
            steps,
            registers: registers.as_ptr(),
            stack_top: stack.as_mut_ptr_range().end as u64,
        };
        scratch.leak();
        Ok(prepared)
    }

    /// Splits the image's runs into those that are mapped, which are returned, and those that are
    /// read, which become `reads`.
    fn overlays(&mut self) -> Vec<(Run, u64)> {
        let mut overlays = Vec::new();
        let mut offset = PAGE_SIZE;
        let mut batch: Option<(Vec<libc::iovec>, u64, u64)> = None;
        let mut areas = self.image.areas.iter().peekable();
        for &run in &self.image.runs {
            while areas.next_if(|area| area.end <= run.address).is_some() {}
            let writable = areas.peek().is_some_and(|area| is_writable(area.protection));
            let bytes = run.pages * PAGE_SIZE;
            let read = self.image.header.base.is_some() && run.pages <= READ_PAGES && writable;
            if read {
                let vector = libc::iovec { iov_base: run.address as *mut _, iov_len: bytes as usize };
                match &mut batch {
                    Some((vectors, _, end)) if *end == offset && vectors.len() < READ_BATCH => {
                        vectors.push(vector);
                        *end += bytes;
                    }
                    _ => {
                        self.reads.extend(batch.take().map(|(vectors, start, _)| (vectors, start)));
                        batch = Some((vec![vector], offset, offset + bytes));
                    }
                }
            } else {
                overlays.push((run, offset));
            }
            offset += bytes;
        }
        self.reads.extend(batch.map(|(vectors, start, _)| (vectors, start)));
        overlays
    }

    /// Reads the words that have changed, and how to put them in their places.
    fn read_patches(&self, scratch: &mut Scratch) -> Result<Option<Step>, ThawError> {
        let (header, patches) = (&self.image.header, &self.image.patches);
        if patches.is_empty() {
            return Ok(None);
        }
        let places = scratch.allocate::<[u64; 2]>(patches.len()).ok_or(ThawError::NoRoom)?;
        for (place, patch) in places.iter_mut().zip(patches) {
            *place = [patch.address, patch.bytes];
        }
        let bytes = scratch.allocate::<u8>(header.patched as usize).ok_or(ThawError::NoRoom)?;
        self.request.image.read_exact_at(bytes, header.patched_offset())?;
        Ok(Some(Step::patch(places, bytes)))
    }

    /// A scratch area where neither the image nor this process has anything.
    fn find_place(&self, bytes: usize) -> Result<Scratch, ThawError> {
        let needed = bytes.next_multiple_of(PAGE_SIZE as usize) as u64;
        let mut place = FIRST_PLACE;
        while place + needed < ADDRESS_END {
            let free = |start: u64, end: u64| end <= place || place + needed <= start;
            let vdso = &self.image.header.vdso;
            if free(vdso.start, vdso.end) && self.image.areas.iter().all(|area| free(area.start, area.end)) {
                match Scratch::at(place, bytes) {
                    Ok(scratch) => return Ok(scratch),
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                    Err(error) => return Err(error.into()),
                }
            }
            place += PLACE_STEP;
        }
        Err(ThawError::NoRoom)
    }

    fn steps(
        &self,
        scratch: &Scratch,
        vdso_place: u64,
        overlays: &[(Run, u64)],
        reads: &[(&[libc::iovec], u64)],
        patches: Option<Step>,
    ) -> Result<Vec<Step>, ThawError> {
        let mut steps = Vec::new();
        match &self.now {
            Now::Other(loader) => {
                for &(start, end) in &loader.vdso_parts {
                    steps.push(move_mapping(start, end, vdso_place + (start - loader.vdso.start)));
                }
                unmap_all_but(&mut steps, vec![(scratch.start(), scratch.end())]);
            }
            Now::Base(_) => {
                let vdso = &self.image.header.vdso;
                let areas = self.image.areas.iter().map(|area| (area.start, area.end));
                let others = [(scratch.start(), scratch.end()), (vdso.start, vdso.end)];
                unmap_all_but(&mut steps, areas.chain(others).collect());
            }
        }
        let image = self.request.image.as_raw_fd();
        let mut overlays = overlays.iter().peekable();
        for area in &self.image.areas {
            let is_there = self.is_there(area);
            let backing = if is_there { None } else { self.map_backing(area)? };
            // What the area shows between the runs is there.
            let is_backed = is_there || backing.is_some();
            steps.extend(backing);
            if is_there && is_writable(area.protection) {
                steps.push(forget_changes(area.start, area.end));
            }
            let code_copy = self.code_copy(area);
            if let Some(((start, end), place, memory)) = code_copy {
                steps.push(map_file(start, end, area.protection, memory.as_raw_fd(), place));
                steps.push(advise(start, end, libc::MADV_HUGEPAGE));
            }
            // Nothing is mapped twice: a large heap has thousands of pieces.
            let mut reached = area.start;
            while let Some((run, offset)) = overlays.next_if(|(run, _)| run.address < area.end) {
                if !is_backed && reached < run.address {
                    steps.push(map_anonymous(reached, run.address, area.protection));
                }
                steps.push(map_file(run.address, run.end(), area.protection, image, *offset));
                if is_backed {
                    self.keep_at_hand(&mut steps, reached, run.address, area.protection);
                }
                self.keep_at_hand(&mut steps, run.address, run.end(), area.protection);
                reached = run.end();
            }
            if !is_backed && reached < area.end {
                steps.push(map_anonymous(reached, area.end, area.protection));
            } else {
                // Of large pages no fork copies a table.
                let (start, end) = code_copy.map_or((area.end, area.end), |(addresses, ..)| addresses);
                self.keep_at_hand(&mut steps, reached, start, area.protection);
                self.keep_at_hand(&mut steps, end.max(reached), area.end, area.protection);
            }
        }
        if self.request.paging == Paging::Exact {
            for piece in self.image.pieces_of_files() {
                fault_singly(&mut steps, piece);
            }
        }
        for (vectors, offset) in reads {
            let bytes = vectors.iter().map(|vector| vector.iov_len as u64).sum();
            let (address, count) = (vectors.as_ptr() as u64, vectors.len() as u64);
            steps.push(Step::call(libc::SYS_preadv, [image as u64, address, count, *offset, 0, 0], bytes));
        }
        steps.extend(patches);
        if let Now::Other(loader) = self.now {
            self.place_vdso(&mut steps, &loader.vdso, &loader.vdso_parts, vdso_place);
        }
        self.finish(&mut steps, scratch);
        Ok(steps)
    }

    /// Whether the process has in its memory what an area shows, changes aside.
    fn is_there(&self, area: &Area) -> bool {
        match &self.now {
            Now::Other(_) => false,
            Now::Base(mappings) => {
                let at = mappings.partition_point(|mapping| mapping.end <= area.start);
                mappings.get(at).is_some_and(|mapping| area.is_part_of(mapping))
            }
        }
    }

    /// Where in an area a copy of the code is mapped, from where in the copy on.
    fn code_copy(&self, area: &Area) -> Option<((u64, u64), u64, &File)> {
        let (parts, memory) = self.request.code?;
        parts.iter().find_map(|part| Some((part.place_in(area)?, part.place, memory)))
    }

    /// At least as many steps as the page tables will take.
    fn paging_steps(&self, overlays: &[(Run, u64)]) -> usize {
        // A part of the copy of the code splits the area that it lies in.
        let parts = self.request.code.map_or(0, |(parts, _)| parts.len());
        let pieces = self.image.areas.len() + parts + 2 * overlays.len();
        match self.request.paging {
            Paging::OnDemand => 0,
            // Each stretch of hot pages reaches into one piece, and once more into each that it goes on in.
            Paging::AtHand => (self.hot.len() + pieces) * 2 + pieces * 5,
            Paging::Exact => {
                let pieces = self.image.pieces_of_files();
                pieces.iter().map(|piece| piece.pages.div_ceil(2) as usize).sum()
            }
        }
    }

    /// Has exactly the hot pages of a piece of memory, which shows one file and has not changed yet, in the page
    /// tables.
    fn keep_at_hand(&self, steps: &mut Vec<Step>, start: u64, end: u64, protection: u32) {
        let first = self.hot.partition_point(|run| run.end() <= start);
        let inside = self.hot[first..].iter().take_while(|run| run.address < end);
        let mut hot = inside.map(|run| (run.address.max(start), run.end().min(end))).peekable();
        let Some((page, _)) = hot.peek() else { return };
        copy_tables_on_fork(steps, (start, end, protection), *page);
        // The kernel populates neighbours too, which are taken out again: each page in the tables costs a
        // little in every fork.
        steps.extend(hot.clone().map(|(start, end)| advise(start, end, libc::MADV_POPULATE_READ)));
        let mut unused = start;
        for (start, end) in hot {
            steps.push(advise(unused, start, libc::MADV_DONTNEED));
            unused = end;
        }
        steps.push(advise(unused, end, libc::MADV_DONTNEED));
    }

    /// Maps the file that an area shows; none, if it shows none.
    fn map_backing(&self, area: &Area) -> Result<Option<Step>, ThawError> {
        let file = match area.backing {
            Backing::Anonymous => return Ok(None),
            Backing::Base => self.request.base.ok_or(ThawError::OtherBase)?.1,
            Backing::Program(index) => {
                let Now::Other(loader) = self.now else { return Err(ThawError::Unlike) };
                loader.program.file(index).ok_or(ImageError::Corrupted("area of an unknown file"))?
            }
        };
        Ok(Some(map_file(area.start, area.end, area.protection, file.as_raw_fd(), area.offset)))
    }

    /// Puts the kernel's code where the frozen process had it. If this is another kernel, whose
    /// code may be larger and has its functions elsewhere, small functions of our own go there
    /// instead: what glibc remembers are the addresses of the functions that it calls.
    fn place_vdso(&self, steps: &mut Vec<Step>, current: &Vdso, parts: &[(u64, u64)], vdso_place: u64) {
        let frozen = &self.image.header.vdso;
        let same = current.digest == frozen.digest
            && current.end - current.start == frozen.end - frozen.start
            && current.end - current.code == frozen.end - frozen.code;
        if same {
            for &(start, end) in parts {
                let offset = start - current.start;
                steps.push(move_mapping(
                    vdso_place + offset,
                    vdso_place + offset + (end - start),
                    frozen.start + offset,
                ));
            }
        } else if frozen.code < frozen.end {
            let (start, end) = (frozen.code, frozen.end);
            steps.push(map_anonymous(start, end, (libc::PROT_READ | libc::PROT_WRITE) as u32));
            for (offset, (_, number)) in frozen.functions.iter().zip(interpose::FUNCTIONS) {
                if *offset != 0 {
                    steps.push(Step::poke(start + offset, arch::system_call_function(number)));
                }
            }
            steps.push(protect(start, end, (libc::PROT_READ | libc::PROT_EXEC) as u32));
        }
    }

    fn finish(&self, steps: &mut Vec<Step>, scratch: &Scratch) {
        const ROBUST_LIST_BYTES: u64 = 24;
        let header = &self.image.header;
        let clock_offset = header.monotonic.wrapping_sub(interpose::kernel_monotonic());
        // The order of the fields of `Thawed`.
        let told = [scratch.start(), scratch.end() - scratch.start(), clock_offset, header.data];
        for (index, value) in told.into_iter().enumerate() {
            steps.push(Step::poke(header.thawed + index as u64 * 8, value));
        }
        let call = |number, a, b, expected| Step::call(number, [a, b, 0, 0, 0, 0], expected);
        steps.push(call(libc::SYS_set_robust_list, header.robust_list, ROBUST_LIST_BYTES, 0));
        // The address to clear at exit belonged to this process's memory.
        steps.push(call(libc::SYS_set_tid_address, 0, 0, u64::from(std::process::id())));
        steps.push(arch::set_thread_pointer(header.thread_pointer));
        let last = u64::from(u32::MAX);
        steps.push(call(libc::SYS_close_range, u64::from(self.request.close_from), last, 0));
    }
}
