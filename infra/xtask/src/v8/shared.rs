//! An archive that somebody has put beside the workspace, with a README that vouches for it.

use std::{fs, io, path::PathBuf};

use super::archive::Archive;
use crate::{failure::Failure, workspace};

/// Relative to the workspace's root.
const DIRECTORY: &str = "../shared/v8";

/// An archive of the right version, and what it must hash to.
#[derive(Debug)]
pub(crate) struct SharedArchive {
    pub(crate) path: PathBuf,
    pub(crate) sha256: String,
}

/// Returns the archive, unless there is none or it is for another version of V8.
pub(crate) fn find(archive: &Archive) -> Result<Option<SharedArchive>, Failure> {
    let directory = workspace::root().join(DIRECTORY);
    let path = directory.join(archive.file_name());
    if !path.is_file() {
        return Ok(None);
    }
    let readme = directory.join("README.md");
    let text = match fs::read_to_string(&readme) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(Failure::file("read", &readme)(error)),
    };
    if !vouches_for_version(&text, &archive.version) {
        eprintln!("xtask: {} is not for v8 {}; looking elsewhere", path.display(), archive.version);
        return Ok(None);
    }
    match sha256(&text) {
        Some(sha256) => Ok(Some(SharedArchive { path, sha256 })),
        None => Err(Failure::Broken(format!("{} names no SHA-256", readme.display()))),
    }
}

/// The archive's file name tells no version: the README must, as `v8 =1.2.3`.
fn vouches_for_version(readme: &str, version: &str) -> bool {
    readme.split_once("v8 =").is_some_and(|(_, after)| {
        after
            .strip_prefix(version)
            .is_some_and(|rest| !rest.starts_with(|c: char| c == '.' || c.is_alphanumeric()))
    })
}

fn sha256(readme: &str) -> Option<String> {
    let (_, after) = readme.split_once("SHA-256:")?;
    let word = after.split_whitespace().next()?.trim_matches('`');
    let is_hash = word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hash.then(|| word.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "761d417ba0e19f4cafd0bb269eb7d7a507905d7530e6342a13fac18ffd0f3ddb";

    #[test]
    fn the_readme_tells_the_version() {
        let readme = "`lib.a.gz` is the static archive for `v8 =150.4.0` with feature `simdutf`";
        assert!(vouches_for_version(readme, "150.4.0"));
        assert!(!vouches_for_version(readme, "150.4"));
        assert!(!vouches_for_version(readme, "151.0.0"));
        assert!(!vouches_for_version("", "150.4.0"));
    }

    #[test]
    fn the_readme_tells_the_hash() {
        assert_eq!(sha256(&format!("no debug lines.\nSHA-256: {HASH}\n")).as_deref(), Some(HASH));
        assert_eq!(sha256(&format!("SHA-256: `{}`", HASH.to_uppercase())).as_deref(), Some(HASH));
        assert_eq!(sha256("SHA-256: 761d"), None);
        assert_eq!(sha256("nothing"), None);
    }
}
