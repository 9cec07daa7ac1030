//! The files that make up the running program: its executable and the libraries it maps.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use crate::{
    FileIdentity, PAGE_SIZE,
    format::VERSION,
    maps::{self, Mapping},
};

/// The program that this process runs.
#[derive(Debug)]
pub struct Program {
    files: Vec<ProgramFile>,
    fingerprint: [u8; 32],
}

#[derive(Debug)]
pub(crate) struct ProgramFile {
    pub(crate) identity: FileIdentity,
    pub(crate) file: File,
}

/// The program could not be examined.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// `/proc` is not there, or shows something unexpected.
    #[error("the process's own memory map cannot be read")]
    Maps(#[source] io::Error),
    /// The executable or a library cannot be opened, for example because it was replaced while it
    /// runs.
    #[error("{path} cannot be read")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// The executable itself, whatever has become of its name.
const EXECUTABLE: &str = "/proc/self/exe";

impl Program {
    /// Finds the files of the current process and computes its fingerprint: the same for every
    /// process that runs the same executable with the same libraries on the same architecture.
    ///
    /// Meant to be called early, before the process maps libraries that are loaded on demand.
    ///
    /// # Errors
    /// If `/proc/self/maps` or one of the files cannot be read.
    pub fn current() -> Result<Self, ProgramError> {
        let text = read_own_maps().map_err(ProgramError::Maps)?;
        Self::mapped(&mappings(&text)?)
    }

    /// The program whose files are among `mappings`, all that a process has.
    pub(crate) fn mapped(mappings: &[Mapping<'_>]) -> Result<Self, ProgramError> {
        let mut found = BTreeMap::new();
        for mapping in mappings {
            let executable = mapping.protection & libc::PROT_EXEC as u32 != 0;
            if let (Some(identity), true) = (mapping.file, executable) {
                found.insert(path_of(mapping), identity);
            }
        }
        let mut hash = Sha256::new();
        hash.update([VERSION as u8]);
        hash.update(std::env::consts::ARCH);
        let mut files = Vec::with_capacity(found.len());
        let executable = fs::read_link(EXECUTABLE);
        for (path, identity) in found {
            let explain = |source| ProgramError::File { path: path.clone(), source };
            // Under its name there may be another one by now.
            let is_executable = executable.as_ref().is_ok_and(|executable| *executable == path);
            let opened = File::open(if is_executable { Path::new(EXECUTABLE) } else { &path });
            let file = opened.map_err(explain)?;
            hash.update(content_identity(&file).map_err(explain)?);
            files.push(ProgramFile { identity, file });
        }
        Ok(Self { files, fingerprint: hash.finalize().into() })
    }

    /// SHA-256 that names this build.
    pub fn fingerprint(&self) -> [u8; 32] {
        self.fingerprint
    }

    /// The files, in an order that is the same in every process of this build.
    pub fn files(&self) -> Vec<FileIdentity> {
        self.files.iter().map(|file| file.identity).collect()
    }

    pub(crate) fn file(&self, index: u32) -> Option<&File> {
        self.files.get(index as usize).map(|file| &file.file)
    }
}

impl FileIdentity {
    /// How the kernel names `file` in `maps`; found out by mapping a page of it.
    ///
    /// # Errors
    /// If the file cannot be mapped or `/proc` cannot be read.
    pub fn of(file: &File) -> io::Result<Self> {
        let page = crate::scratch::FilePage::map(file)?;
        let text = read_own_maps()?;
        let address = page.address();
        maps::parse(&text)
            .flatten()
            .find(|mapping| mapping.start <= address && address < mapping.end)
            .and_then(|mapping| mapping.file)
            .ok_or_else(|| io::Error::other("a mapped file is missing in the memory map"))
    }
}

pub(crate) fn read_own_maps() -> io::Result<Vec<u8>> {
    // Without room to begin with it would be read in small pieces, for each of which the kernel looks its way
    // through the mappings again.
    let mut text = Vec::with_capacity(4 * PAGE_SIZE as usize);
    File::open("/proc/self/maps")?.read_to_end(&mut text)?;
    Ok(text)
}

pub(crate) fn mappings(text: &[u8]) -> Result<Vec<Mapping<'_>>, ProgramError> {
    maps::parse(text)
        .map(|line| line.ok_or_else(|| ProgramError::Maps(io::ErrorKind::InvalidData.into())))
        .collect()
}

fn path_of(mapping: &Mapping<'_>) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    Path::new(std::ffi::OsStr::from_bytes(mapping.name)).to_owned()
}

/// The linker's build id, which is a hash of what it linked; a hash of the whole file if there is
/// none.
fn content_identity(file: &File) -> io::Result<Vec<u8>> {
    match build_id(file)? {
        Some(id) => Ok(id),
        None => {
            let mut hash = Sha256::new();
            let mut buffer = vec![0; 1 << 20];
            let mut reader = file;
            loop {
                match reader.read(&mut buffer)? {
                    0 => return Ok(hash.finalize().to_vec()),
                    read => hash.update(&buffer[..read]),
                }
            }
        }
    }
}

/// The `NT_GNU_BUILD_ID` note of a 64-bit ELF file (System V ABI, "Note Section").
fn build_id(file: &File) -> io::Result<Option<Vec<u8>>> {
    const PT_NOTE: u32 = 4;
    const NT_GNU_BUILD_ID: u32 = 3;
    let mut header = [0; 64];
    file.read_exact_at(&mut header, 0)?;
    if header[..5] != *b"\x7fELF\x02" {
        return Ok(None);
    }
    let (table, entry, count) = (read_u64(&header, 32), read_u16(&header, 54), read_u16(&header, 56));
    let mut program_headers = vec![0; usize::from(entry) * usize::from(count)];
    file.read_exact_at(&mut program_headers, table)?;
    for program_header in program_headers.chunks_exact(usize::from(entry).max(56)) {
        let size = read_u64(program_header, 32);
        if read_u32(program_header, 0) != PT_NOTE || size > PAGE_SIZE {
            continue;
        }
        let mut notes = vec![0; size as usize];
        file.read_exact_at(&mut notes, read_u64(program_header, 8))?;
        let mut notes = &notes[..];
        while notes.len() >= 12 {
            let padded = |length: u32| (length as usize).next_multiple_of(4);
            let (name, value) = (read_u32(notes, 0), read_u32(notes, 4));
            let value_at = 12 + padded(name);
            let Some(content) = notes.get(value_at..value_at + value as usize) else { break };
            if read_u32(notes, 8) == NT_GNU_BUILD_ID && notes.get(12..16) == Some(b"GNU\0") {
                return Ok(Some(content.to_vec()));
            }
            notes = notes.get(value_at + padded(value)..).unwrap_or_default();
        }
    }
    Ok(None)
}

fn read_u16(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(std::array::from_fn(|i| bytes[at + i]))
}

fn read_u32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(std::array::from_fn(|i| bytes[at + i]))
}

fn read_u64(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(std::array::from_fn(|i| bytes[at + i]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fingerprint_is_the_same_each_time() {
        let [one, two] = [(), ()].map(|()| Program::current().expect("own files can be read"));
        assert_eq!(one.fingerprint(), two.fingerprint());
        assert_eq!(one.files(), two.files());
        assert!(!one.files().is_empty());
    }

    #[test]
    fn a_file_without_a_build_id_is_hashed_whole() {
        let write = |content: &[u8]| {
            let path = tempfile::NamedTempFile::new().expect("temporary file");
            fs::write(path.path(), content).expect("write");
            content_identity(&File::open(path.path()).expect("open")).expect("identity")
        };
        let zeros = [0; 100];
        assert_eq!(write(&zeros), Sha256::digest(zeros).to_vec());
    }

    #[test]
    fn a_file_is_known_by_what_maps_shows() {
        let file = tempfile::tempfile().expect("temporary file");
        file.set_len(PAGE_SIZE).expect("grow");
        let identity = FileIdentity::of(&file).expect("identity");
        use std::os::unix::fs::MetadataExt;
        assert_eq!(identity.inode, file.metadata().expect("metadata").ino());
    }
}
