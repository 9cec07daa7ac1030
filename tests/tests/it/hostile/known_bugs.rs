//! What the product does wrong and is known to: expectations stay right, and are not counted.

use super::case::Case;
use crate::support;

/// Why a script is not held to its expectation.
enum Known {
    /// It fails each time; when it does not any more, the line has to go.
    Always(&'static str),
    /// Whether it fails depends on timing.
    Sometimes(&'static str),
}

use Known::{Always, Sometimes};

const BUFFERS: Known =
    Always("the last-resort collection before a RangeError is taken for the heap limit: the run ends");
const STREAMING: Known = Always("V8 has no streaming callback: the process dies");
const LARGE_FRAME: Known = Always("the frame is larger than the server accepts");

const KNOWN_BUGS: &[(&str, Known)] = &[
    ("bomb_array_buffer.js", BUFFERS),
    ("bomb_array_buffer_caught.js", BUFFERS),
    ("bomb_array_buffer_huge.js", BUFFERS),
    ("bomb_array_buffer_transfer.js", BUFFERS),
    ("bomb_wasm_memory.js", BUFFERS),
    ("bomb_wasm_memory_caught.js", BUFFERS),
    ("bomb_wasm_memory_many.js", BUFFERS),
    ("bomb_blob.js", Sometimes("an allocation of Rust's that fails aborts: a crash, not out of memory")),
    ("pollute_string_prototype.js", Always("bootstrap.js calls text.endsWith and text.slice")),
    ("reach_host_methods.js", Always("a method rejects a promise of its own that nobody gets")),
    ("reach_import_long_specifier.js", LARGE_FRAME),
    ("reach_import_many_modules.js", Sometimes("worker and server both wait for the other to read")),
    ("reach_message_port_transfer.js", Always("postMessage(value, [transferred]) is a TypeError")),
    ("reach_report_error.js", Always("the global object is no EventTarget")),
    ("reach_wasm_streaming.js", STREAMING),
    ("reach_wasm_streaming_instantiate.js", STREAMING),
    ("result_transferred_buffer.js", Always("structuredClone copies what it should transfer")),
    ("throw_dom_exception.js", Always("a DOMException of native code arrives as undefined")),
    ("throw_error_huge_message.js", LARGE_FRAME),
    ("throw_message_is_kept_in_event_listener.js", Always("the error is reported as null")),
];

/// Complaints about a script, given how it went.
pub(super) fn judge(name: &str, went: Result<(), String>) -> Option<String> {
    let known = KNOWN_BUGS.iter().find(|(known, _)| *known == name).map(|(_, known)| known);
    match (went, known) {
        (Ok(()), Some(Always(why))) => Some(format!("{name}: is mended, take it off the list: {why}")),
        (Err(complaint), None) => Some(format!("{name}: {complaint}")),
        (Err(complaint), Some(Always(why) | Sometimes(why))) => {
            support::note(&format!("known: {name}: {complaint}: {why}"));
            None
        }
        (Ok(()), None | Some(Sometimes(_))) => None,
    }
}

/// The list names scripts that exist.
pub(super) fn assert_exist(cases: &[Case]) {
    for (known, _) in KNOWN_BUGS {
        assert!(cases.iter().any(|case| case.name == *known), "there is no {known}");
    }
}
