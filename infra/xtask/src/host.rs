//! What machine this is.

use std::{env, process::Command};

use crate::failure::Failure;

/// The triple that cargo builds for by default.
pub(crate) fn target() -> Result<String, Failure> {
    let program = env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    let output = Command::new(&program).arg("-vV").output();
    let output = output.map_err(|source| Failure::Start { program: program.clone(), source })?;
    let text = String::from_utf8_lossy(&output.stdout);
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| Failure::Broken(format!("`{program} -vV` names no host")))
}

#[test]
fn this_machine_has_a_target() {
    assert!(target().unwrap().contains('-'));
}
