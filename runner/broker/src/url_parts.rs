//! A URL as policies see it besides its text.

use serde_json::{Value, json};
use url::Url;

/// `scheme`, `host` (IPv6 in brackets), `port` (a number in any case), `path`, and `query` (without the question
/// mark; empty if there is none).
pub(crate) fn url_parts(url: &Url) -> Value {
    json!({
        "scheme": url.scheme(),
        "host": url.host_str(),
        "port": url.port_or_known_default(),
        "path": url.path(),
        "query": url.query().unwrap_or_default(),
    })
}
