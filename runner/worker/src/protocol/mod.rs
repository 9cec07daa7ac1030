//! What server and worker say to each other over a Unix stream socket.
//!
//! A frame is a length (`u32`, little-endian) and that many bytes of [postcard]. Descriptors travel with
//! the first byte of a frame. Both sides are of one build, so there is one version, which the
//! zygote says first; the receiver bounds every frame before it reads it.

mod frame;

use serde::{Deserialize, Serialize};
pub use stasis_core::engine::{ModuleKind, ModuleText};

pub(crate) use frame::{FrameError, HEADER_BYTES, MAX_DESCRIPTORS, decode, encode, payload_length};

/// Changes with every change of the messages below.
pub(crate) const VERSION: u32 = 2;

/// Largest frame that a worker accepts: a job's code or a module's source, and little else.
pub const MAX_TO_WORKER: usize = 64 << 20;

/// Longest piece of console text in one message; workers split what is longer.
pub(crate) const MAX_CONSOLE_PIECE: usize = 1 << 20;

/// What the server says.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ToWorker {
    /// To the zygote: fork a child that thaws the image. With the child's socket, the image, and
    /// the base image if there is one.
    Thaw {
        /// Id of the base image that the image refers to.
        base: Option<[u8; 32]>,
        /// Whether the child will fork, and not run a script itself.
        template: bool,
    },
    /// To a process that waits: fork a child. With the child's socket.
    Fork,
    /// To a process that waits: run this script.
    Run(Job),
    /// To a run that waits for a module.
    Module {
        /// The number in the request.
        id: u32,
        /// The source, or why there is none.
        source: Result<ModuleText, String>,
    },
    /// To a run that has returned: freeze into the file. With the image file, `maps`, `pagemap`, and
    /// the base image if there is one.
    Freeze(FreezeOrder),
}

/// One script to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Job {
    /// What the script is called in stack traces; a URL if its imports can be relative.
    pub(crate) name: String,
    /// JavaScript or TypeScript.
    pub(crate) code: String,
    /// Bytes that may be kept on V8's heap.
    pub(crate) heap: u64,
    /// Bytes outside of V8's heap.
    pub(crate) external: u64,
    /// Seconds of processor time after which the kernel ends the process, should nobody else.
    pub(crate) cpu_seconds: u64,
    /// Longest result text, in bytes.
    pub(crate) result: u64,
}

/// What a worker needs to know to freeze itself.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FreezeOrder {
    pub(crate) fingerprint: [u8; 32],
    /// Device and inode of the program's files, see [`stasis_image::Program::files`].
    pub(crate) program: Vec<(u64, u64)>,
    /// Id, device and inode of the base image; none to make one.
    pub(crate) base: Option<([u8; 32], u64, u64)>,
}

/// What a worker says.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum FromWorker {
    /// The zygote, once, when it is sandboxed.
    Ready {
        version: u32,
        layers: crate::Layers,
    },
    /// Zygote or template: a child was forked. With its pidfd.
    Forked,
    /// Zygote or template: it could not be.
    NotForked(String),
    /// The image could not be thawed.
    NotThawed(String),
    /// The script starts now.
    Started,
    /// Console text.
    Console {
        /// Place in [`stasis_core::ConsoleLevel`], counted from zero.
        level: u8,
        text: String,
        /// Whether the text goes on in the next message.
        more: bool,
    },
    /// The script wants a module; the run waits.
    LoadModule {
        id: u32,
        specifier: String,
    },
    Returned(String),
    Threw {
        message: String,
        stack: String,
    },
    OutOfMemory,
    /// The image is complete; the worker is about to exit.
    Frozen {
        pages: u64,
    },
    /// The image could not be written.
    NotFrozen {
        why: String,
        /// The number of the error with which the kernel refused to write.
        write_error: Option<i32>,
    },
}
