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

const KNOWN_BUGS: &[(&str, Known)] = &[
    ("bomb_wasm_memory.js", BUFFERS),
    ("reach_host_methods.js", Always("a method rejects a promise of its own that nobody gets")),
    ("reach_import_many_modules.js", Sometimes("worker and server both wait for the other to read")),
    ("reach_report_error.js", Always("the global object is no EventTarget")),
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
