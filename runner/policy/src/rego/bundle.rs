//! The files that a policy is made of: one `.rego` file, or those below a folder.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::RegoFault;

/// Most files of one policy.
const MAX_FILES: usize = 1000;
/// Most bytes of all files of one policy.
const MAX_BYTES: u64 = 16 << 20;
/// Most folders within each other. Ends the walk where symbolic links lead round in a circle.
const MAX_DEPTH: usize = 16;

/// A policy's files, as they were when they were read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bundle {
    /// What was read: a file or folder.
    pub(super) path: PathBuf,
    /// Rego, in the order of their paths.
    pub(super) modules: Vec<TextFile>,
    /// JSON, in the order of their paths.
    pub(super) data: Vec<TextFile>,
}

/// A file's path and content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TextFile {
    pub(super) path: PathBuf,
    pub(super) text: String,
}

/// Why files are no policy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// A file or folder cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A single file of another kind.
    #[error("{}: a policy is a .rego file or a folder of them", path.display())]
    NotRego {
        /// The file.
        path: PathBuf,
    },
    /// A folder without a policy.
    #[error("{}: there is no .rego file in this folder", path.display())]
    Empty {
        /// The folder.
        path: PathBuf,
    },
    /// More than a policy can be.
    #[error(
        "{}: has more than {MAX_FILES} files, more than {MAX_BYTES} bytes, or folders more than {MAX_DEPTH} deep",
        path.display()
    )]
    TooLarge {
        /// The policy.
        path: PathBuf,
    },
    /// A data file is not JSON.
    #[error("{}:{line}:{column}: {reason}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// From 1; 0 before the first character of a line.
        column: usize,
        /// What is wrong.
        reason: String,
    },
    /// A data file's content does not fit with the others'.
    #[error("{}: {reason}", path.display())]
    Data {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A Rego file is wrong.
    #[error(transparent)]
    Rego(#[from] RegoFault),
}

impl std::error::Error for RegoFault {}

impl Bundle {
    /// Reads a `.rego` file, or all `.rego` and `.json` files below a folder. Names that start with a dot
    /// are left out: editors, and volumes of Kubernetes, keep copies under them.
    ///
    /// # Errors
    /// If there is no policy, or more than the bounds allow. What is in the files is not looked at.
    pub(crate) fn read(path: &Path) -> Result<Self, BundleError> {
        let mut bundle = Self { path: path.to_owned(), modules: Vec::new(), data: Vec::new() };
        let mut room = MAX_BYTES;
        if metadata(path)?.is_dir() {
            bundle.read_folder(path, MAX_DEPTH, &mut room)?;
            if bundle.modules.is_empty() {
                return Err(BundleError::Empty { path: path.to_owned() });
            }
        } else if extension(path) == Some("rego") {
            bundle.read_file(path, &mut room)?;
        } else {
            return Err(BundleError::NotRego { path: path.to_owned() });
        }
        Ok(bundle)
    }

    fn read_folder(&mut self, folder: &Path, depth: usize, room: &mut u64) -> Result<(), BundleError> {
        let unreadable = |source| BundleError::Unreadable { path: folder.to_owned(), source };
        let mut entries = Vec::new();
        for entry in fs::read_dir(folder).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            if !entry.file_name().as_encoded_bytes().starts_with(b".") {
                entries.push(entry.path());
            }
        }
        entries.sort();
        for path in entries {
            if metadata(&path)?.is_dir() {
                let depth = depth.checked_sub(1).ok_or_else(|| self.too_large())?;
                self.read_folder(&path, depth, room)?;
            } else {
                self.read_file(&path, room)?;
            }
        }
        Ok(())
    }

    fn read_file(&mut self, path: &Path, room: &mut u64) -> Result<(), BundleError> {
        let is_module = match extension(path) {
            Some("rego") => true,
            Some("json") => false,
            Some(_) | None => return Ok(()),
        };
        let length = metadata(path)?.len();
        *room = room.checked_sub(length).ok_or_else(|| self.too_large())?;
        if self.modules.len() + self.data.len() >= MAX_FILES {
            return Err(self.too_large());
        }
        let text = fs::read_to_string(path)
            .map_err(|source| BundleError::Unreadable { path: path.to_owned(), source })?;
        let files = if is_module { &mut self.modules } else { &mut self.data };
        files.push(TextFile { path: path.to_owned(), text });
        Ok(())
    }

    fn too_large(&self) -> BundleError {
        BundleError::TooLarge { path: self.path.clone() }
    }
}

fn metadata(path: &Path) -> Result<fs::Metadata, BundleError> {
    fs::metadata(path).map_err(|source| BundleError::Unreadable { path: path.to_owned(), source })
}

fn extension(path: &Path) -> Option<&str> {
    path.extension()?.to_str()
}
