//! `Headers`, `FormData`, `Request` and `Response` from Deno's crate, without its transport: what goes over
//! the network goes through the host.

use std::borrow::Cow;

use deno_core::{Extension, ExtensionFileSource, FastStaticString, ascii_str};

/// Of Deno's scripts, those that define the classes.
const CLASSES: [&str; 5] = [
    "ext:deno_fetch/20_headers.js",
    "ext:deno_fetch/21_formdata.js",
    "ext:deno_fetch/22_body.js",
    "ext:deno_fetch/23_request.js",
    "ext:deno_fetch/23_response.js",
];

/// What `Request` asks of a script that we leave out: whether something is one of Deno's own clients. Nothing
/// is.
const NO_CLIENTS: FastStaticString =
    ascii_str!("(function () { return { HttpClientPrototype: { __proto__: null } }; })();");

/// Deno's extension with nothing in it but the classes.
pub(super) fn extension() -> Extension {
    let whole = deno_fetch::deno_fetch::init(deno_fetch::Options::default());
    let classes = whole.lazy_loaded_js_files.iter().filter(|file| CLASSES.contains(&file.specifier)).cloned();
    let no_clients = ExtensionFileSource::loaded_from_memory_during_snapshot(
        "ext:deno_fetch/22_http_client.js",
        NO_CLIENTS,
    );
    Extension {
        name: whole.name,
        deps: whole.deps,
        lazy_loaded_js_files: classes.chain([no_clients]).collect::<Vec<_>>().into(),
        ops: Cow::Borrowed(&[]),
        ..Extension::default()
    }
}
