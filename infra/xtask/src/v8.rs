//! V8's static archive: makes sure that the `v8` crate's build script finds it.
//!
//! The build script takes, in this order: what `RUSTY_V8_ARCHIVE` names; a file in cargo's home that is
//! named after the release's address; the release itself. It checks no hash. What we put into cargo's
//! home is therefore checked here, and put there whole or not at all.

mod archive;
mod install;
mod shared;

use std::{env, path::Path, process::Command};

use crate::{cargo, failure::Failure, workspace};
use archive::Archive;

/// Variables with which the user has already told the build script where to look.
const LOCATION_VARIABLES: [&str; 2] = ["RUSTY_V8_ARCHIVE", "RUSTY_V8_MIRROR"];

/// Variables that make the build script want another archive than the one we know of, or none.
const SWITCH_VARIABLES: [&str; 2] = ["V8_FROM_SOURCE", "V8_FORCE_DEBUG"];

/// How long the release may take to answer; a machine without a way out may never get an answer.
const REACH_SECONDS: &str = "15";

/// Returns once the `v8` crate can be built.
pub(crate) fn ensure() -> Result<(), Failure> {
    if let Some(variable) = decided_by_the_user() {
        return check_users_archive(variable);
    }
    let archive = Archive::wanted()?;
    let cached = archive.cached_path()?;
    if cached.exists() {
        return Ok(());
    }
    if let Some(found) = shared::find(&archive)? {
        eprintln!("xtask: copying {} to {}", found.path.display(), cached.display());
        return install::copy_verified(&found.path, &cached, &found.sha256);
    }
    if is_reachable(&archive.url()) {
        eprintln!("xtask: the `v8` crate will download {}", archive.url());
        return Ok(());
    }
    build_from_source(&archive, &cached)
}

fn decided_by_the_user() -> Option<&'static str> {
    let location = LOCATION_VARIABLES.into_iter().find(|name| env::var_os(name).is_some());
    location.or_else(|| SWITCH_VARIABLES.into_iter().find(|name| is_switched_on(name)))
}

/// As the build script reads its switches.
fn is_switched_on(variable: &str) -> bool {
    matches!(env::var(variable).as_deref(), Ok("true" | "1" | "yes"))
}

/// The build script would say less clearly, and much later, that there is no such file.
fn check_users_archive(variable: &str) -> Result<(), Failure> {
    let value = env::var(variable).unwrap_or_default();
    let is_address = value.starts_with("http:") || value.starts_with("https:");
    if variable == "RUSTY_V8_ARCHIVE" && !is_address && !Path::new(&value).is_file() {
        return Err(Failure::Broken(format!("RUSTY_V8_ARCHIVE is set, but there is no file `{value}`")));
    }
    Ok(())
}

/// Whether a download can be expected to work: asks for the release's header.
fn is_reachable(url: &str) -> bool {
    eprintln!("xtask: V8's archive is not on this machine; asking for {url}");
    let head = Command::new("curl")
        .args(["--head", "--location", "--fail", "--silent", "--output", "/dev/null"])
        .args(["--connect-timeout", REACH_SECONDS, "--max-time", REACH_SECONDS])
        .arg(url)
        .status();
    match head {
        Ok(status) => status.success(),
        Err(error) => {
            eprintln!("xtask: cannot start curl ({error}): taking the release as out of reach");
            false
        }
    }
}

fn build_from_source(archive: &Archive, cached: &Path) -> Result<(), Failure> {
    eprintln!("xtask: the release cannot be downloaded; building V8 from the crate's source");
    eprintln!(
        "xtask: this takes about two hours on 2 cores, once; interrupted, it goes on from where it was"
    );
    let out = workspace::target_dir().join("v8");
    let mut script = Command::new(workspace::root().join("infra/v8/build-from-crate.sh"));
    script.arg(&archive.version).arg(&archive.target).arg(&out);
    cargo::run(script)?;

    let built = out.join(archive.file_name());
    let sha256 = install::sha256(&built)?;
    install::copy_verified(&built, cached, &sha256)
}
