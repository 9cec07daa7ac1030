//! The operations behind `fetch` and `fs`: each is a call to the host.

use std::{cell::RefCell, rc::Rc};

use bytes::Bytes;
use deno_core::{
    FromV8, JsBuffer, OpState, ToV8,
    convert::{ByteString, OptionNull, Uint8Array},
    op2,
};
use stasis_core::{
    HostAnswer, HostCall, HostError,
    host::{
        FetchRequest, FileCall, FileEncoding, FileFacts, FileKind, Header, MAX_CONTENT_BYTES, RedirectMode,
        RequestBody,
    },
};

use super::Outside;

/// What a script sees of a call that failed.
#[derive(Debug, thiserror::Error, deno_error::JsError)]
pub(crate) enum CallError {
    /// With a code, as Node's errors have it.
    #[class(generic)]
    #[error("{message}")]
    #[property("code" = self.code().to_owned())]
    Coded { code: String, message: String },
    /// As the web platform's errors are.
    #[class(type)]
    #[error("{0}")]
    Plain(String),
    /// The run ended before the answer came. `bootstrap.js` knows this class.
    #[class("StasisRunEnded")]
    #[error("the run ended before this was done, and what a run has begun ends with it; start it again")]
    RunEnded,
}

impl CallError {
    fn code(&self) -> &str {
        match self {
            Self::Coded { code, .. } => code,
            Self::Plain(_) | Self::RunEnded => "",
        }
    }
}

impl From<HostError> for CallError {
    fn from(error: HostError) -> Self {
        match error {
            HostError { code: Some(code), message } => Self::Coded { code, message },
            HostError { code: None, message } => Self::Plain(message),
        }
    }
}

/// An answer to another question than the one that was asked.
fn unexpected() -> CallError {
    CallError::Plain("the host gave an answer that does not fit the question".to_owned())
}

fn call(
    state: &RefCell<OpState>,
    call: HostCall,
) -> impl Future<Output = Result<HostAnswer, CallError>> + 'static {
    let outside = state.borrow().borrow::<Rc<dyn Outside>>().clone();
    outside.call(call)
}

/// Most bytes of a request's URL, method and headers together.
const MAX_REQUEST_HEAD: usize = 512 << 10;
/// What a header counts besides its text: many small ones are long on the wire too.
const HEADER_OVERHEAD: usize = 4;
/// Most bytes of a file's name.
const MAX_PATH: usize = 64 << 10;

/// A number for a fetch that is about to begin.
#[op2(fast)]
pub(super) fn op_stasis_fetch_number(state: &mut OpState) -> u32 {
    state.borrow::<Rc<dyn Outside>>().next_fetch()
}

#[derive(FromV8)]
pub(super) struct FetchArguments {
    fetch: u32,
    method: String,
    url: String,
    headers: Vec<(ByteString, ByteString)>,
    redirect: String,
    streamed: bool,
}

#[derive(ToV8)]
pub(super) struct FetchAnswer {
    status: u16,
    status_text: String,
    headers: Vec<(ByteString, ByteString)>,
    url: String,
    redirected: bool,
    has_body: bool,
}

#[op2]
pub(super) async fn op_stasis_fetch(
    state: Rc<RefCell<OpState>>,
    #[scoped] arguments: FetchArguments,
    #[buffer] body: Option<JsBuffer>,
) -> Result<FetchAnswer, CallError> {
    let length: usize =
        arguments.headers.iter().map(|(name, value)| HEADER_OVERHEAD + name.len() + value.len()).sum();
    if length + arguments.url.len() + arguments.method.len() > MAX_REQUEST_HEAD {
        let limit = MAX_REQUEST_HEAD >> 10;
        return Err(CallError::Plain(format!("a request's URL and headers can have {limit} KB at most")));
    }
    let header = |(name, value): (ByteString, ByteString)| Header {
        name: String::from_utf8_lossy(&name).to_ascii_lowercase(),
        value: Bytes::from(value.to_vec()),
    };
    let request = FetchRequest {
        method: arguments.method,
        url: arguments.url,
        headers: arguments.headers.into_iter().map(header).collect(),
        body: match body {
            Some(bytes) => RequestBody::Whole(Bytes::copy_from_slice(&bytes)),
            None if arguments.streamed => RequestBody::Streamed,
            None => RequestBody::None,
        },
        redirect: match arguments.redirect.as_str() {
            "error" => RedirectMode::Error,
            "manual" => RedirectMode::Manual,
            _ => RedirectMode::Follow,
        },
    };
    let answer = call(&state, HostCall::Fetch { fetch: arguments.fetch, request }).await?;
    let HostAnswer::Response(response) = answer else { return Err(unexpected()) };
    let header = |header: Header| (ByteString::from(header.name), ByteString::from(header.value.to_vec()));
    Ok(FetchAnswer {
        status: response.status,
        status_text: response.status_text,
        headers: response.headers.into_iter().map(header).collect(),
        url: response.url,
        redirected: response.redirected,
        has_body: response.has_body,
    })
}

/// Passes a piece of a request's body on; none ends it.
#[op2]
pub(super) async fn op_stasis_fetch_write(
    state: Rc<RefCell<OpState>>,
    #[smi] fetch: u32,
    #[buffer] chunk: Option<JsBuffer>,
) -> Result<(), CallError> {
    let chunk = chunk.map(|chunk| Bytes::copy_from_slice(&chunk));
    match call(&state, HostCall::WriteBody { fetch, chunk }).await? {
        HostAnswer::Done => Ok(()),
        _ => Err(unexpected()),
    }
}

/// The next piece of a response's body; null after the last one.
#[op2]
pub(super) async fn op_stasis_fetch_read(
    state: Rc<RefCell<OpState>>,
    #[smi] fetch: u32,
) -> Result<OptionNull<Uint8Array>, CallError> {
    match call(&state, HostCall::ReadBody { fetch }).await? {
        HostAnswer::Chunk(chunk) => Ok(chunk.map(|chunk| Uint8Array::from(chunk.to_vec())).into()),
        _ => Err(unexpected()),
    }
}

/// Ends a fetch that nobody is interested in any more.
#[op2]
pub(super) async fn op_stasis_fetch_close(state: Rc<RefCell<OpState>>, #[smi] fetch: u32) {
    // It may have ended by itself.
    let _ended = call(&state, HostCall::CloseFetch { fetch }).await;
}

#[derive(FromV8)]
pub(super) struct FileArguments {
    operation: String,
    path: String,
    destination: Option<String>,
    recursive: bool,
    force: bool,
}

#[derive(ToV8)]
pub(super) struct FileAnswer {
    names: Option<Vec<String>>,
    facts: Option<Facts>,
    exists: bool,
}

#[derive(ToV8)]
pub(super) struct Facts {
    size: f64,
    file: bool,
    folder: bool,
    mode: u32,
    modified: f64,
    accessed: f64,
    created: Option<f64>,
}

impl From<FileFacts> for Facts {
    fn from(facts: FileFacts) -> Self {
        Self {
            size: facts.size as f64,
            file: facts.kind == FileKind::File,
            folder: facts.kind == FileKind::Folder,
            mode: facts.mode,
            modified: facts.modified as f64,
            accessed: facts.accessed as f64,
            created: facts.created.map(|created| created as f64),
        }
    }
}

/// Everything that can be done with files, except to read them.
#[op2]
pub(super) async fn op_stasis_file(
    state: Rc<RefCell<OpState>>,
    #[scoped] arguments: FileArguments,
    #[buffer] content: Option<JsBuffer>,
) -> Result<FileAnswer, CallError> {
    let FileArguments { operation, path, destination, recursive, force } = arguments;
    check_path(&path)?;
    let destination = destination.unwrap_or_default();
    check_path(&destination)?;
    if content.as_ref().is_some_and(|content| content.len() > MAX_CONTENT_BYTES) {
        return Err(too_large(&operation, &path));
    }
    let content = content.map(|content| Bytes::copy_from_slice(&content)).unwrap_or_default();
    let file_call = match operation.as_str() {
        "writeFile" => FileCall::WriteFile { path, content },
        "appendFile" => FileCall::AppendFile { path, content },
        "readdir" => FileCall::ReadFolder { path },
        "stat" => FileCall::Stat { path },
        "mkdir" => FileCall::MakeFolder { path, recursive },
        "rm" => FileCall::Remove { path, recursive, force },
        "rename" => FileCall::Rename { path, destination },
        "copyFile" => FileCall::CopyFile { path, destination },
        "exists" => FileCall::Exists { path },
        other => return Err(CallError::Plain(format!("fs has no operation {other}"))),
    };
    let nothing = FileAnswer { names: None, facts: None, exists: false };
    match call(&state, HostCall::File(file_call)).await? {
        HostAnswer::Done => Ok(nothing),
        HostAnswer::Names(names) => Ok(FileAnswer { names: Some(names), ..nothing }),
        HostAnswer::Facts(facts) => Ok(FileAnswer { facts: Some(facts.into()), ..nothing }),
        HostAnswer::Exists(exists) => Ok(FileAnswer { exists, ..nothing }),
        HostAnswer::Module(_) | HostAnswer::Response(_) | HostAnswer::Chunk(_) | HostAnswer::Content(_) => {
            Err(unexpected())
        }
    }
}

/// A file's content as bytes.
#[op2]
pub(super) async fn op_stasis_read_file(
    state: Rc<RefCell<OpState>>,
    #[string] path: String,
) -> Result<Uint8Array, CallError> {
    Ok(Uint8Array::from(read(&state, path, FileEncoding::Buffer).await?.to_vec()))
}

/// A file's content as text; what is not UTF-8 is replaced.
#[op2]
#[string]
pub(super) async fn op_stasis_read_text(
    state: Rc<RefCell<OpState>>,
    #[string] path: String,
) -> Result<String, CallError> {
    let content = read(&state, path, FileEncoding::Utf8).await?;
    Ok(String::from_utf8_lossy(&content).into_owned())
}

async fn read(state: &RefCell<OpState>, path: String, encoding: FileEncoding) -> Result<Bytes, CallError> {
    check_path(&path)?;
    match call(state, HostCall::File(FileCall::ReadFile { path, encoding })).await? {
        HostAnswer::Content(content) => Ok(content),
        _ => Err(unexpected()),
    }
}

/// What the host would say, if it could be sent so much.
fn too_large(operation: &str, path: &str) -> CallError {
    let message = format!(
        "EFBIG: file too large, {operation} '{path}' (at most {MAX_CONTENT_BYTES} bytes are read, written or \
         copied at once)"
    );
    CallError::Coded { code: "EFBIG".to_owned(), message }
}

fn check_path(path: &str) -> Result<(), CallError> {
    if path.len() <= MAX_PATH {
        return Ok(());
    }
    let message = format!("ENAMETOOLONG: name too long: {} bytes", path.len());
    Err(CallError::Coded { code: "ENAMETOOLONG".to_owned(), message })
}
