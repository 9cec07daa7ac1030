//! What server and worker say to each other over a Unix stream socket.
//!
//! A frame is a length (`u32`, little-endian) and that many bytes of [postcard]. Descriptors travel with
//! the first byte of a frame. Both sides are of one build, so there is one version, which the
//! zygote says first; the receiver bounds every frame before it reads it.

mod frame;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use stasis_core::{Capabilities, HostCall, HostResult, host::MAX_CONTENT_BYTES};

pub(crate) use frame::{FrameError, HEADER_BYTES, MAX_DESCRIPTORS, decode, encode, payload_length};

/// Changes with every change of the messages below.
pub(crate) const VERSION: u32 = 11;

/// Largest frame that a worker accepts: a job's code, a WebAssembly module, or what a host call brings.
pub const MAX_TO_WORKER: usize = 65 << 20;

/// Most bytes of a host call besides the content it carries: a URL, headers, paths.
pub(crate) const MAX_CALL_OVERHEAD: usize = 1 << 20;
/// Largest frame with a host call.
pub(crate) const MAX_CALL: usize = MAX_CONTENT_BYTES + MAX_CALL_OVERHEAD;
/// Host calls that a run may have open at a time.
pub(crate) const MAX_OPEN_CALLS: usize = 1024;
/// Bytes that their frames may have together.
pub(crate) const MAX_OPEN_BYTES: usize = 64 << 20;

/// Longest piece of console text in one message; workers split what is longer.
pub(crate) const MAX_CONSOLE_PIECE: usize = 1 << 20;

/// What the server says.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ToWorker {
    /// To the zygote: fork a child that thaws the image. With the child's socket, the image, the base
    /// image if there is one, and the copy of the code if there is one.
    Thaw {
        /// Id of the base image that the image refers to.
        base: Option<[u8; 32]>,
        /// What the copy of the code shows.
        code: Option<Vec<CodePart>>,
        /// What the child is for.
        purpose: Purpose,
    },
    /// To the zygote: fork a child that boots V8. With the child's socket.
    Boot(Boot),
    /// To a process that waits: fork a child for each socket that comes with this.
    Fork,
    /// To a child of the base image's template: become the process in the image, which is to run a script. With the
    /// image and the base image.
    Overlay {
        /// Id of the base image.
        base: [u8; 32],
        /// As [`Job::cpu_seconds`].
        cpu_seconds: u64,
    },
    /// To a process that waits: run this script.
    Run(Job),
    /// To a run that has asked its host for something.
    Answer {
        /// The number of the call.
        id: u32,
        /// What came of it.
        result: HostResult,
    },
    /// To a process that has booted, where nothing can be frozen: do what is done before a base image is frozen.
    WarmUp,
    /// To a process that has warmed up: be what the template of a base image would be.
    BecomeTemplate {
        /// Bytes of private writable memory that the process has.
        data: u64,
    },
    /// To the process that is to be the base image: every run finds this WebAssembly module.
    Preload(PreloadedModule),
    /// To a run that has returned: freeze into the file. With the image file, `maps`, `pagemap`, and
    /// the base image if there is one.
    Freeze(FreezeOrder),
}

/// How a process boots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Boot {
    /// What the process is for.
    pub(crate) becomes: Becomes,
    /// Whether it will be given WebAssembly modules.
    pub(crate) preloads: bool,
}

/// What a process is for that boots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Becomes {
    /// To be frozen. No script runs in it or in a child of it.
    BaseImage,
    /// To be what runs are forked from, where nothing can be frozen.
    Template,
}

/// What a thawed process will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Purpose {
    /// Run a script, and nothing else.
    Run {
        /// As [`Job::cpu_seconds`].
        cpu_seconds: u64,
    },
    /// Fork others that do.
    Template,
    /// Run a script to show which pages of the image scripts use.
    Probe,
}

impl From<Purpose> for stasis_image::Paging {
    fn from(purpose: Purpose) -> Self {
        match purpose {
            Purpose::Run { .. } => Self::OnDemand,
            Purpose::Template => Self::AtHand,
            Purpose::Probe => Self::Exact,
        }
    }
}

/// See [`stasis_image::CodePart`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CodePart {
    file: u32,
    offset: u64,
    bytes: u64,
    place: u64,
}

impl From<stasis_image::CodePart> for CodePart {
    fn from(part: stasis_image::CodePart) -> Self {
        let stasis_image::CodePart { file, offset, bytes, place } = part;
        Self { file, offset, bytes, place }
    }
}

impl From<CodePart> for stasis_image::CodePart {
    fn from(part: CodePart) -> Self {
        let CodePart { file, offset, bytes, place } = part;
        Self { file, offset, bytes, place }
    }
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
    /// What the script finds that reaches outside.
    pub(crate) capabilities: Capabilities,
    /// Whether the process is to wait for [`ToWorker::Freeze`] when the script has returned.
    pub(crate) keep: bool,
}

/// A WebAssembly module that every run finds as `__wasm_NAME`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreloadedModule {
    /// A JavaScript identifier.
    pub name: String,
    /// The module, which was found valid.
    pub bytes: Bytes,
    /// Whether it needs nothing to be instantiated: `NAME` is then what the instance exports.
    pub instantiate: bool,
}

/// What a worker needs to know to freeze itself.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FreezeOrder {
    pub(crate) fingerprint: [u8; 32],
    /// Device and inode of the program's files, see [`stasis_image::Program::files`].
    pub(crate) program: Vec<(u64, u64)>,
    /// Id, device and inode of the base image; none to make one.
    pub(crate) base: Option<([u8; 32], u64, u64)>,
    /// Device and inode of the copy of the code that the worker may have been thawed with, and what it
    /// shows.
    pub(crate) code: Option<(u64, u64, Vec<CodePart>)>,
    /// What the worker does when the image is complete.
    pub(crate) then: AfterFreeze,
}

/// What a process does that has frozen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum AfterFreeze {
    /// It exits.
    End,
    /// It waits for another script, as one that was thawed would.
    Stay,
}

/// What a worker says.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum FromWorker {
    /// The zygote, first, when it is sandboxed.
    Ready {
        version: u32,
        layers: crate::Layers,
        /// Whether it can have large pages where they are asked for.
        large_pages: bool,
        /// What it runs, see [`stasis_image::Program::fingerprint`].
        fingerprint: [u8; 32],
    },
    /// Zygote or template: as many children were forked as there are pidfds with this, for the first sockets.
    Forked,
    /// Zygote or template: none could be.
    NotForked(String),
    /// The image cannot be thawed: it is damaged, or of another build or processor.
    NotThawed(String),
    /// The image could not be thawed, which is not its fault.
    NotMapped(String),
    /// The process has booted.
    Booted,
    /// A process that was thawed for this script: it starts now. One that was forked does not say so; it can
    /// only have died before it read the script, which its socket then tells.
    Started,
    /// Console text.
    Console {
        /// Place in [`stasis_core::ConsoleLevel`], counted from zero.
        level: u8,
        text: String,
        /// Whether the text goes on in the next message.
        more: bool,
    },
    /// The script asks its host for something.
    Call {
        /// The run's number for the call; no two that are open have the same.
        id: u32,
        call: HostCall,
    },
    /// The script does not want the answer any more.
    Withdraw {
        id: u32,
    },
    /// The script can do nothing before it is answered, or a timer is due.
    Sleeps {
        /// How many answers it has got.
        answers: u32,
    },
    /// A timer was due.
    Wakes,
    /// A process that has booted is ready to become a template.
    WarmedUp,
    /// The WebAssembly module is compiled, or why it is not.
    Preloaded(Result<(), String>),
    Returned(String),
    Threw {
        message: String,
        stack: String,
    },
    OutOfMemory,
    /// The image is complete; the worker is about to exit, or waits.
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
