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
    Always("buffers and V8's heap draw on one limit: when it is used up, V8 cannot make the RangeError");

const KNOWN_BUGS: &[(&str, Known)] = &[
    ("bomb_wasm_memory.js", BUFFERS),
    ("reach_import_many_modules.js", Sometimes("worker and server both wait for the other to read")),
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
