//! Where things are.

use std::{
    env,
    path::{Path, PathBuf},
};

use crate::failure::Failure;

/// The directory of the workspace's `Cargo.toml`.
pub(crate) fn root() -> &'static Path {
    // This crate is two directories below, and runs where it was built.
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here)
}

/// Cargo's target directory, absolute.
pub(crate) fn target_dir() -> PathBuf {
    match env::var_os("CARGO_TARGET_DIR") {
        // A relative one is relative to the directory in which cargo is called, as for cargo.
        Some(dir) => std::path::absolute(&dir).unwrap_or_else(|_| dir.into()),
        None => root().join("target"),
    }
}

/// Cargo's home, found as the `v8` crate's build script finds it.
pub(crate) fn cargo_home() -> Result<PathBuf, Failure> {
    if let Some(home) = env::var_os("CARGO_HOME").filter(|home| !home.is_empty()) {
        return std::path::absolute(&home).map_err(Failure::file("resolve", Path::new(&home)));
    }
    let home = env::home_dir().filter(|home| !home.as_os_str().is_empty());
    match home {
        Some(home) => Ok(home.join(".cargo")),
        None => Err(Failure::Broken("neither CARGO_HOME nor HOME is set".into())),
    }
}
