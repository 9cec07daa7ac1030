//! The port behind which everything lies that a script can reach outside of its own process: network,
//! files, and modules. A script asks; the host decides, acts, and answers.

use std::fmt;

use bytes::Bytes;
use futures::{FutureExt as _, future, future::BoxFuture};
use serde::{Deserialize, Serialize};

/// Most bytes of one piece of a body that is passed on in pieces.
pub const MAX_CHUNK_BYTES: usize = 1 << 20;
/// Most bytes that one call carries, or one answer: the content of a file, the source of a module, a body
/// that is sent whole.
pub const MAX_CONTENT_BYTES: usize = 16 << 20;

/// Grants runs what the operator allows, and nothing else.
pub trait Host: fmt::Debug + Send + Sync {
    /// What scripts find.
    fn capabilities(&self) -> Capabilities;

    /// The host as one run knows it. What the run has open, and how much it has used, is its own, and
    /// ends when this is dropped.
    fn attend(&self) -> Box<dyn RunHost>;
}

/// One run's side of a [`Host`].
pub trait RunHost: Send {
    /// Does what a script asks for. Dropping the future withdraws the question.
    fn call(&mut self, call: HostCall) -> BoxFuture<'static, HostResult>;
}

/// What comes of a call.
pub type HostResult = Result<HostAnswer, HostError>;

/// What of the outside a script finds. Without it a script could ask all the same, and would be refused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// `fetch`.
    pub fetch: bool,
    /// `fs`.
    pub files: bool,
    /// `import` of what is somewhere else.
    pub modules: bool,
}

/// What a script finds besides the language.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// What reaches outside.
    pub capabilities: Capabilities,
    /// Names of WebAssembly modules that are there from the start.
    pub wasm_modules: Vec<String>,
}

/// What a script asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum HostCall {
    /// The source of a module; the text is an absolute URL (`npm:` and `jsr:` among them). Answered with
    /// [`HostAnswer::Module`].
    LoadModule(String),
    /// A request to another server. Answered with [`HostAnswer::Response`] when the response's headers
    /// are there.
    Fetch {
        /// The script's number for what goes on from here; no two of a run are the same.
        fetch: u32,
        /// What to send.
        request: FetchRequest,
    },
    /// The next piece of a request's body, of at most [`MAX_CHUNK_BYTES`]; none ends the body. Answered
    /// with [`HostAnswer::Done`] when there is room for the next one.
    WriteBody {
        /// The number of the request.
        fetch: u32,
        /// The piece.
        chunk: Option<Bytes>,
    },
    /// The next piece of a response's body. Answered with [`HostAnswer::Chunk`].
    ReadBody {
        /// The number of the request.
        fetch: u32,
    },
    /// The script has lost interest in a response, or in its own request. Answered with
    /// [`HostAnswer::Done`].
    CloseFetch {
        /// The number of the request.
        fetch: u32,
    },
    /// Something to be done with a file. The answer depends on what.
    File(FileCall),
}

/// An answer to a [`HostCall`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum HostAnswer {
    /// It is done, and there is nothing to tell.
    Done,
    /// A module's source.
    Module(ModuleSource),
    /// A response, without its body.
    Response(FetchResponse),
    /// A piece of a body, never empty; none after the last one.
    Chunk(Option<Bytes>),
    /// The content of a file.
    Content(Bytes),
    /// The names in a folder, sorted.
    Names(Vec<String>),
    /// What is known of a file.
    Facts(FileFacts),
    /// Whether a file exists.
    Exists(bool),
}

/// Why a call was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct HostError {
    /// What the script may find under `code`: `ENOENT` and the like for files.
    pub code: Option<String>,
    /// What is wrong and, where that helps, what can be done about it. Shown to the script: nothing secret
    /// is in it.
    pub message: String,
}

impl HostError {
    /// A refusal or failure without a code.
    pub fn new(message: impl Into<String>) -> Self {
        Self { code: None, message: message.into() }
    }

    /// A failure with one of the codes that Node has for it.
    pub fn with_code(code: &str, message: impl Into<String>) -> Self {
        Self { code: Some(code.to_owned()), message: message.into() }
    }
}

/// An HTTP request as a script wants it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FetchRequest {
    /// In upper case, if it is one of the standard methods.
    pub method: String,
    /// Absolute.
    pub url: String,
    /// In order. A name may occur several times.
    pub headers: Vec<Header>,
    /// What is sent after the headers.
    pub body: RequestBody,
    /// What becomes of a response that points elsewhere.
    pub redirect: RedirectMode,
}

/// A line of a header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// In lower case.
    pub name: String,
    /// The bytes on the wire.
    pub value: Bytes,
}

/// What is sent after a request's headers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum RequestBody {
    /// Nothing.
    None,
    /// These bytes, at most [`MAX_CONTENT_BYTES`] of them; sent again if a redirect asks for that.
    Whole(Bytes),
    /// What [`HostCall::WriteBody`] brings.
    Streamed,
}

/// The `redirect` of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RedirectMode {
    /// Go there; each hop is put to the policy.
    Follow,
    /// Fail.
    Error,
    /// Hand the response to the script as it is.
    Manual,
}

/// An HTTP response, without its body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FetchResponse {
    /// 200 to 599.
    pub status: u16,
    /// As the server wrote it, or empty.
    pub status_text: String,
    /// In order. What was decompressed has neither `content-encoding` nor `content-length` any more.
    pub headers: Vec<Header>,
    /// Where the response came from in the end.
    pub url: String,
    /// Whether that is somewhere else than what was asked.
    pub redirected: bool,
    /// Whether [`HostCall::ReadBody`] brings anything: a `HEAD` has no body, and some statuses have none.
    pub has_body: bool,
}

/// Something to be done with a file. Paths are the script's, and have to be absolute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileCall {
    /// Answered with [`HostAnswer::Content`].
    ReadFile {
        /// Which file.
        path: String,
        /// What the script wants of it, for the policy: the answer is bytes in any case.
        encoding: FileEncoding,
    },
    /// Replaces or makes a file.
    WriteFile {
        /// Which file.
        path: String,
        /// All of its content, at most [`MAX_CONTENT_BYTES`].
        content: Bytes,
    },
    /// Adds to the end of a file, which is made if it is not there.
    AppendFile {
        /// Which file.
        path: String,
        /// What is added, at most [`MAX_CONTENT_BYTES`].
        content: Bytes,
    },
    /// Answered with [`HostAnswer::Names`].
    ReadFolder {
        /// Which folder.
        path: String,
    },
    /// Answered with [`HostAnswer::Facts`].
    Stat {
        /// Which file or folder; links are followed.
        path: String,
    },
    /// Makes a folder.
    MakeFolder {
        /// Which one.
        path: String,
        /// Whether the folders above it are made as well, and nothing is wrong if it is there.
        recursive: bool,
    },
    /// Removes a file, a link, or a folder.
    Remove {
        /// Which one.
        path: String,
        /// Whether a folder may go, with everything in it.
        recursive: bool,
        /// Whether nothing is wrong if it is not there.
        force: bool,
    },
    /// Gives a file or folder another name, where what had that name is replaced.
    Rename {
        /// The name it has.
        path: String,
        /// The name it gets.
        destination: String,
    },
    /// Copies a file.
    CopyFile {
        /// What is copied.
        path: String,
        /// Where to; replaced if it is there.
        destination: String,
    },
    /// Answered with [`HostAnswer::Exists`].
    Exists {
        /// Which file or folder.
        path: String,
    },
}

/// How a script wants a file's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileEncoding {
    /// As a string.
    Utf8,
    /// As bytes.
    Buffer,
}

/// What is known of a file or folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileFacts {
    /// In bytes.
    pub size: u64,
    /// What it is.
    pub kind: FileKind,
    /// Permission bits, `0o777` and below.
    pub mode: u32,
    /// When it was last changed, in milliseconds since 1970.
    pub modified: i64,
    /// When it was last read, likewise.
    pub accessed: i64,
    /// When it was made, likewise, if the file system knows.
    pub created: Option<i64>,
}

/// What a name in a folder stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileKind {
    /// A file with content.
    File,
    /// A folder.
    Folder,
    /// A device, socket or pipe.
    Other,
}

/// A module's source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModuleSource {
    /// Where it was found in the end: what it imports relative to itself is looked for from there.
    pub url: String,
    /// What it is written in.
    pub kind: ModuleKind,
    /// The source, at most [`MAX_CONTENT_BYTES`].
    pub text: String,
}

/// What a module is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ModuleKind {
    /// JavaScript.
    JavaScript,
    /// TypeScript, whose types are stripped.
    TypeScript,
    /// JSON, imported `with { type: "json" }`.
    Json,
}

/// The host of runs that may reach nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoHost;

impl Host for NoHost {
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    fn attend(&self) -> Box<dyn RunHost> {
        Box::new(Self)
    }
}

impl RunHost for NoHost {
    fn call(&mut self, call: HostCall) -> BoxFuture<'static, HostResult> {
        let refusal = match call {
            HostCall::LoadModule(url) => format!(
                "Import of {url} is not allowed: external modules are off. Whoever runs Stasis can allow them \
                 with --allow-external-modules."
            ),
            HostCall::Fetch { .. }
            | HostCall::WriteBody { .. }
            | HostCall::ReadBody { .. }
            | HostCall::CloseFetch { .. } => "fetch is not allowed: there is no fetch policy.".to_owned(),
            HostCall::File(_) => "fs is not allowed: there is no filesystem policy.".to_owned(),
        };
        future::ready(Err(HostError::new(refusal))).boxed()
    }
}
