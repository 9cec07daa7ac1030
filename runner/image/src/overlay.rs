//! A process that is a base image becomes a heap of it.
//!
//! A child of the base image's template has in its memory most of what a heap shows: the program, and what no script
//! changes. To lay over it what differs takes half the time of a thaw, which begins with a process that has nothing.

use crate::{
    CAN_FREEZE, PAGE_SIZE, Paging, ThawError, ThawRequest, cpu,
    format::{Area, Backing, Image},
    thaw::{Now, Plan, Prepared},
};

/// Turns this process into the one in an image, if it is one that was thawed from the image's base image, or a child
/// of such a one. Returns only if that is impossible; [`crate::Loader::thaw`], in another process, may be able to or
/// can say why not.
///
/// Changes to memory are undone. What the process has mapped since it was thawed is unmapped, but what it was thawed
/// with must be mapped as it was.
///
/// # Safety
/// As [`crate::Loader::thaw`], and the process is as described.
pub unsafe fn overlay(request: &ThawRequest<'_>) -> ThawError {
    match prepare(request) {
        Err(error) => error,
        // SAFETY: the caller gave up everything that this process has in its memory.
        Ok(prepared) => unsafe { prepared.perform() },
    }
}

fn prepare(request: &ThawRequest<'_>) -> Result<Prepared, ThawError> {
    if !CAN_FREEZE {
        return Err(ThawError::Unsupported);
    }
    let image = Image::read(request.image)?;
    let Some((id, base)) = request.base else { return Err(ThawError::OtherBase) };
    if image.header.base != Some(id) {
        return Err(ThawError::OtherBase);
    }
    let base = Image::read(base)?;
    let (header, its) = (&image.header, &base.header);
    // This machine is known to do for the base image. The kernel's code is where that has it, or replaced by functions
    // that are part of the heap.
    let goes_with_it = header.fingerprint == its.fingerprint
        && (header.vdso == its.vdso || header.vdso.start == header.vdso.end)
        && cpu::missing(header.cpu, its.cpu) == 0
        && request.paging == Paging::OnDemand;
    if !goes_with_it {
        return Err(ThawError::Unlike);
    }
    let now = Now::Base(mappings(&base));
    Plan { now, request, image: &image, hot: Vec::new(), reads: Vec::new() }.place()
}

/// What a process has in its memory that was thawed from a base image: the pages that the image holds are mapped from
/// its file.
fn mappings(base: &Image) -> Vec<Area> {
    let mut mappings: Vec<Area> = Vec::new();
    let mut offset = PAGE_SIZE;
    let mut runs = base.runs.iter().peekable();
    for area in &base.areas {
        let mut add = |mapping: Area| match mappings.last_mut() {
            // The kernel joins them, too, so areas of a heap may reach across.
            Some(last)
                if last.end == mapping.start && mapping.is_part_of(&Area { end: mapping.end, ..*last }) =>
            {
                last.end = mapping.end;
            }
            Some(_) | None if mapping.start < mapping.end => mappings.push(mapping),
            Some(_) | None => {}
        };
        let between = |start, end| Area { start, end, offset: area.offset + (start - area.start), ..*area };
        let mut reached = area.start;
        while let Some(run) = runs.next_if(|run| run.address < area.end) {
            add(between(reached, run.address));
            add(Area { start: run.address, end: run.end(), backing: Backing::Base, offset, ..*area });
            offset += run.pages * PAGE_SIZE;
            reached = run.end();
        }
        add(between(reached, area.end));
    }
    mappings
}
