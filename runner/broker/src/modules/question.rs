//! What a policy is asked about modules: once for the URL that a specifier leads to, and again for each URL that
//! it is redirected to; also when the source is in the cache.

use serde_json::{Value, json};
use stasis_policy::{Decision, Denial, Policy};
use url::Url;

use super::error::ModuleError;
use crate::url_parts::url_parts;

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
/// * `url_parsed`: see [`url_parts`]
fn input(specifier: &str, url: &Url) -> Value {
    json!({
        "operation": "import",
        "specifier": specifier,
        "url": url.as_str(),
        "url_parsed": url_parts(url),
    })
}
