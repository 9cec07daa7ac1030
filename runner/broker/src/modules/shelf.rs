//! Keeps small files under names, in a folder or in memory, and drops those that were used longest ago when there
//! are too many.
//!
//! Whoever reads a file checks that it is what it should be: it may have been damaged, or be gone.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::{self, Read as _, Write as _},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use tempfile::NamedTempFile;

/// What a file takes up at least, in bytes: a block of the file system, or its entry in memory.
const SMALLEST: u64 = 4096;
/// What names of files start with that are being written.
const DRAFT: &str = ".draft-";
/// After this, somebody who was writing a file has died.
const STALE_DRAFT_AFTER: Duration = Duration::from_secs(60 * 60);

/// See the module. All of it waits for the disk.
#[derive(Debug)]
pub(super) struct Shelf {
    folder: Option<PathBuf>,
    room: u64,
    items: Mutex<Items>,
}

#[derive(Debug, Default)]
struct Items {
    by_name: HashMap<String, Item>,
    bytes: u64,
    uses: u64,
}

#[derive(Debug)]
struct Item {
    bytes: u64,
    /// The use that was the last one.
    last_use: u64,
    /// If there is no folder.
    content: Option<Bytes>,
}

impl Shelf {
    /// Keeps at most `room` bytes in memory.
    pub(super) fn in_memory(room: u64) -> Self {
        Self { folder: None, room, items: Mutex::default() }
    }

    /// Keeps at most `room` bytes in a folder, which is made for our user only if it is not there.
    pub(super) fn in_folder(folder: PathBuf, room: u64) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        let mut found = Vec::new();
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let (name, metadata) = (entry.file_name(), entry.metadata()?);
            let modified = metadata.modified()?;
            match name.to_str() {
                Some(name) if name.starts_with(DRAFT) => {
                    if modified.elapsed().is_ok_and(|age| age > STALE_DRAFT_AFTER) {
                        fs::remove_file(entry.path())?;
                    }
                }
                Some(name) if metadata.is_file() => found.push((modified, name.to_owned(), metadata.len())),
                Some(_) | None => {}
            }
        }
        found.sort();
        let mut items = Items::default();
        for (_, name, bytes) in found {
            items.insert(&name, bytes, None);
        }
        let this = Self { folder: Some(folder), room, items: Mutex::new(items) };
        this.make_room();
        Ok(this)
    }

    /// What is kept under a name, of at most `most` bytes.
    pub(super) fn get(&self, name: &str, most: u64) -> Option<Bytes> {
        let Some(folder) = &self.folder else {
            return self.items().use_item(name)?.content.clone();
        };
        match read(&folder.join(name), most) {
            Ok(content) => {
                let mut items = self.items();
                // Another server may have put it there.
                if items.use_item(name).is_none() {
                    items.insert(name, content.len() as u64, None);
                }
                Some(content)
            }
            Err(error) => {
                self.items().remove(name);
                if error.kind() != io::ErrorKind::NotFound {
                    tracing::warn!(%error, name, "a file of the module cache cannot be read");
                }
                None
            }
        }
    }

    /// Keeps something under a name, in the place of what was there. What cannot be kept is lost.
    pub(super) fn put(&self, name: &str, content: Bytes) {
        let bytes = content.len() as u64;
        match &self.folder {
            None => self.items().insert(name, bytes, Some(content)),
            Some(folder) => match write(folder, name, &content) {
                Ok(()) => self.items().insert(name, bytes, None),
                Err(error) => tracing::warn!(%error, "a module cannot be kept in the cache"),
            },
        }
        self.make_room();
    }

    /// Drops what is kept under a name.
    pub(super) fn remove(&self, name: &str) {
        self.items().remove(name);
        self.delete(name);
    }

    fn make_room(&self) {
        let dropped = self.items().shrink(self.room);
        for name in dropped {
            self.delete(&name);
        }
    }

    fn delete(&self, name: &str) {
        if let Some(folder) = &self.folder
            && let Err(error) = fs::remove_file(folder.join(name))
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, name, "a file of the module cache cannot be removed");
        }
    }

    fn items(&self) -> MutexGuard<'_, Items> {
        self.items.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Items {
    fn insert(&mut self, name: &str, bytes: u64, content: Option<Bytes>) {
        self.remove(name);
        self.uses += 1;
        let bytes = bytes.max(SMALLEST);
        self.bytes += bytes;
        self.by_name.insert(name.to_owned(), Item { bytes, last_use: self.uses, content });
    }

    fn remove(&mut self, name: &str) {
        if let Some(item) = self.by_name.remove(name) {
            self.bytes -= item.bytes;
        }
    }

    fn use_item(&mut self, name: &str) -> Option<&Item> {
        self.uses += 1;
        let item = self.by_name.get_mut(name)?;
        item.last_use = self.uses;
        Some(item)
    }

    /// Takes out what was used longest ago. A little more than necessary, so that it does not happen each time.
    fn shrink(&mut self, room: u64) -> Vec<String> {
        let mut dropped = Vec::new();
        if self.bytes <= room {
            return dropped;
        }
        let mut by_use: Vec<_> =
            self.by_name.iter().map(|(name, item)| (item.last_use, name.clone())).collect();
        by_use.sort_unstable();
        for (_, name) in by_use {
            if self.bytes <= room - room / 10 {
                break;
            }
            self.remove(&name);
            dropped.push(name);
        }
        dropped
    }
}

/// Reads a file and marks it as used, for the next start.
fn read(path: &Path, most: u64) -> io::Result<Bytes> {
    let file = File::open(path)?;
    let mut content = Vec::new();
    (&file).take(most + 1).read_to_end(&mut content)?;
    if content.len() as u64 > most {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    if let Err(error) = file.set_modified(SystemTime::now()) {
        tracing::debug!(%error, "a file of the module cache cannot be marked as used");
    }
    Ok(content.into())
}

/// Writes a file, all of it or none.
fn write(folder: &Path, name: &str, content: &[u8]) -> io::Result<()> {
    let mut draft: NamedTempFile = tempfile::Builder::new().prefix(DRAFT).tempfile_in(folder)?;
    draft.write_all(content)?;
    draft.persist(folder.join(name))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: u64 = 1 << 20;

    fn check_least_recently_used(shelf: &Shelf) {
        for name in ["a", "b", "c"] {
            shelf.put(name, Bytes::from_static(b"content"));
        }
        assert_eq!(shelf.get("a", MOST).as_deref(), Some(&b"content"[..]));
        shelf.put("d", Bytes::from_static(b"more"));
        assert!(shelf.get("b", MOST).is_none(), "it was used longest ago");
        assert!(shelf.get("a", MOST).is_some() && shelf.get("d", MOST).is_some());
        shelf.remove("a");
        assert!(shelf.get("a", MOST).is_none());
    }

    #[test]
    fn what_was_used_longest_ago_goes_first() {
        let folder = tempfile::tempdir().expect("tempdir");
        check_least_recently_used(&Shelf::in_memory(3 * SMALLEST));
        let shelf = Shelf::in_folder(folder.path().join("shelf"), 3 * SMALLEST).expect("open");
        check_least_recently_used(&shelf);
    }

    #[test]
    fn a_folder_is_found_again() {
        let folder = tempfile::tempdir().expect("tempdir");
        let open = |room| Shelf::in_folder(folder.path().to_owned(), room).expect("open");
        open(MOST).put("a", Bytes::from_static(b"content"));
        assert_eq!(open(MOST).get("a", MOST).as_deref(), Some(&b"content"[..]));
        assert!(open(MOST).get("a", 3).is_none(), "it is larger than anybody could have kept");
        assert!(open(0).get("a", MOST).is_none(), "there is no room for it");
        assert_eq!(fs::read_dir(folder.path()).expect("read").count(), 0);
    }
}
