//! What a policy is asked about modules: once for the URL that a specifier leads to, and again for each URL that
//! it is redirected to; also when the source is in the cache.

use serde_json::{Value, json};
use stasis_policy::{Decision, Denial, Policy};
use url::Url;

use super::error::ModuleError;

/// Puts an import to the policy.
pub(super) async fn ask(policy: &dyn Policy, specifier: &str, url: &Url) -> Result<(), ModuleError> {
    match policy.decide(&input(specifier, url)).await {
        Decision::Allowed => Ok(()),
        Decision::Denied(Denial { reason }) => Err(ModuleError::Denied { url: url.to_string(), reason }),
    }
}

/// The input of the policy:
///
/// * `operation`: `"import"`
/// * `specifier`: what the script imports, made absolute
/// * `url`: where that is, in normal form and without a fragment
/// * `url_parsed`: `scheme`, `host` (IPv6 in brackets), `port` (a number in any case), `path`, and `query`
///   (without the question mark; empty if there is none)
fn input(specifier: &str, url: &Url) -> Value {
    json!({
        "operation": "import",
        "specifier": specifier,
        "url": url.as_str(),
        "url_parsed": {
            "scheme": url.scheme(),
            "host": url.host_str(),
            "port": url.port_or_known_default(),
            "path": url.path(),
            "query": url.query().unwrap_or_default(),
        },
    })
}
