//! Where sessions and executions are kept on this machine.

use std::path::{Path, PathBuf};

use stasis_store::{OpenError, SledRefStore};

/// How many servers of one person may run side by side with the usual folder.
const MOST: u32 = 64;

/// Opens the database that the user named, or the usual one.
///
/// A server on standard input and output belongs to one editor, and several editors run side by side: when
/// the usual folder is taken, each takes the next one (`sessions-2`, `sessions-3`…). Heaps are shared all
/// the same. A server on a port, or on a folder that was named, does not look further.
///
/// # Errors
/// If another process uses it, or it cannot be opened.
pub(crate) fn open(
    named: Option<&Path>,
    usual: &Path,
    look_further: bool,
) -> Result<SledRefStore, OpenError> {
    let first = named.unwrap_or(usual);
    let mut opened = SledRefStore::open(first);
    if named.is_some() || !look_further {
        return opened;
    }
    for number in 2..=MOST {
        match opened {
            Err(OpenError::Locked { .. }) => opened = SledRefStore::open(&numbered(usual, number)),
            other => return other,
        }
    }
    opened
}

fn numbered(usual: &Path, number: u32) -> PathBuf {
    let mut name = usual.as_os_str().to_owned();
    name.push(format!("-{number}"));
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_side_by_side_have_their_own_folders() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let usual = folder.path().join("sessions");
        let first = open(None, &usual, true).expect("it is free");
        let second = open(None, &usual, true).expect("there is another");
        assert!(folder.path().join("sessions-2").is_dir());
        assert!(matches!(open(None, &usual, false), Err(OpenError::Locked { .. })));
        assert!(matches!(open(Some(&usual), &usual, true), Err(OpenError::Locked { .. })));
        drop((first, second));
        open(None, &usual, false).expect("it is free again");
    }
}
