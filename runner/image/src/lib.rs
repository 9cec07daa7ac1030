//! Freezes a single-threaded Linux process into a file and thaws it in another process.
//!
//! An *image* is a file that holds the memory areas of a process, the pages that differ from what can
//! be had elsewhere (the executable, its libraries, a *base image*), and the registers. [`freeze`]
//! writes one from within the process that is to be frozen; [`Loader::thaw`] replaces the calling
//! process by the frozen one, which then returns from its call of `freeze` a second time.
//!
//! Nothing here needs a privilege, and nothing here knows what the process does. What the process
//! must keep to is said at [`freeze`]; what an attacker who wrote an image can do is: run code of
//! their own in the process that thaws it. Whoever thaws authenticates images first.
//!
//! Freezing and thawing is written for x86_64. On other processors everything else works, and these two say that
//! they do not: [`CAN_FREEZE`].
//!
//! Read in this order: [`format`] (the file), [`freeze`], [`thaw`], [`overlay`], then the hazards: [`interpose`]
//! (clocks, random state, fork), [`cpu`].

#[cfg(not(target_os = "linux"))]
compile_error!("Stasis runs on Linux: workers are forked, boxed in and frozen with its system calls");

mod arch;
mod at_hand;
mod code_copy;
pub mod cpu;
pub mod format;
mod freeze;
pub mod interpose;
mod maps;
mod overlay;
mod pagemap;
mod patches;
mod program;
mod scratch;
mod steps;
mod thaw;

#[cfg(target_arch = "x86_64")]
pub use arch::ARCH_SET_FS;
pub use arch::{CAN_FREEZE, RESTORE_FAILED};
pub use at_hand::{LearnError, learn_pages_at_hand};
pub use code_copy::{CodeCopy, CodePart};
pub use format::{Header, Image, ImageError};
pub use freeze::{FreezeBase, FreezeError, FreezeRequest, Frozen, Pause, freeze};
pub use maps::FileIdentity;
pub use overlay::overlay;
pub use pagemap::PAGEMAP_SCAN;
pub use program::{Program, ProgramError};
pub use thaw::{Loader, Paging, ThawError, ThawRequest};

/// Size of a page, in bytes; an image made with another page size is refused.
pub const PAGE_SIZE: u64 = 4096;

/// Size of a large page on x86_64, in bytes.
pub const LARGE_PAGE: u64 = 2 << 20;
