//! Policies of a test, and questions to them.

use std::{fs, path::Path, sync::Arc};

use serde_json::{Value, json};
use stasis_policy::{Decision, Denial, Policies, Policy, PolicySettings};
use tempfile::TempDir;

/// Starts what a configuration says.
pub(crate) fn start(settings: &Value) -> Policies {
    Policies::start(&PolicySettings::parse(&settings.to_string()).unwrap()).unwrap()
}

/// A `fetch` policy in a file of its own.
pub(crate) struct File {
    pub(crate) folder: TempDir,
    pub(crate) policy: Arc<dyn Policy>,
}

/// Starts a `fetch` policy from Rego, which follows `package mcp.fetch`.
pub(crate) fn rego(rules: &str) -> File {
    let folder = TempDir::new().unwrap();
    write(&folder, "fetch.rego", &format!("package mcp.fetch\n{rules}"));
    let policy = fetch(&[json!({"url": url(&folder, "fetch.rego")})]);
    File { folder, policy }
}

/// Starts a `fetch` policy of these entries, which must all allow.
pub(crate) fn fetch(policies: &[Value]) -> Arc<dyn Policy> {
    start(&json!({"fetch": {"policies": policies}})).fetch().unwrap()
}

/// Writes a file at once: whoever reads it sees the old content or the new.
pub(crate) fn write(folder: &TempDir, name: &str, text: &str) {
    let path = folder.path().join(name);
    let draft = path.with_file_name(".draft");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&draft, text).unwrap();
    fs::rename(draft, path).unwrap();
}

pub(crate) fn url(folder: &TempDir, name: &str) -> String {
    file_url(&folder.path().join(name))
}

pub(crate) fn file_url(path: &Path) -> String {
    format!("file://{}", path.display())
}

/// A plain no.
pub(crate) fn no() -> Decision {
    Decision::Denied(Denial::default())
}

/// A no because of the policy.
pub(crate) fn denied(reason: &str) -> Decision {
    Decision::Denied(Denial { reason: Some(reason.to_owned()) })
}
