//! Names of the archive: the release's file, its address, its place in cargo's home.

use std::path::PathBuf;

use crate::{failure::Failure, host, lockfile, workspace};

/// Where rusty_v8's releases are; the build script's own default.
const RELEASES: &str = "https://github.com/denoland/rusty_v8/releases/download";

/// The build script names the archive after the crate's features; deno_core switches on this one.
const FEATURES: &str = "simdutf";

/// The archive that the build script will look for.
#[derive(Debug)]
pub(crate) struct Archive {
    pub(crate) version: String,
    pub(crate) target: String,
}

impl Archive {
    /// The locked version of the `v8` crate, for this machine.
    pub(crate) fn wanted() -> Result<Self, Failure> {
        Ok(Self { version: lockfile::locked_version("v8")?, target: host::target()? })
    }

    /// The file's name in a release; it does not tell the version.
    pub(crate) fn file_name(&self) -> String {
        format!("librusty_v8_{FEATURES}_release_{}.a.gz", self.target)
    }

    pub(crate) fn url(&self) -> String {
        format!("{RELEASES}/v{}/{}", self.version, self.file_name())
    }

    /// Where the build script looks before it downloads.
    pub(crate) fn cached_path(&self) -> Result<PathBuf, Failure> {
        let name = self.url().replace(|c: char| !c.is_ascii_alphanumeric(), "_");
        Ok(workspace::cargo_home()?.join(".rusty_v8").join(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_build_script() {
        let archive = Archive { version: "150.4.0".into(), target: "x86_64-unknown-linux-gnu".into() };
        assert_eq!(archive.file_name(), "librusty_v8_simdutf_release_x86_64-unknown-linux-gnu.a.gz");
        let cached = archive.cached_path().unwrap();
        assert_eq!(
            cached.file_name().unwrap(),
            "https___github_com_denoland_rusty_v8_releases_download_v150_4_0_librusty_v8_simdutf_release_x86_64_unknown_linux_gnu_a_gz"
        );
        assert!(cached.parent().unwrap().ends_with(".rusty_v8"));
    }
}
