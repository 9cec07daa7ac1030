//! Uncompressed images, ready to be mapped.

mod record;
mod usage;

use std::{
    fs::File,
    io::{self, Read as _, Seek as _, Write as _},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use rustix::io::Errno;
use stasis_core::{ByteSize, Digest, HeapId};

use crate::{
    HeapFacts, HeapKey,
    directory::{Directory, DirectoryError},
    draft::{self, Draft},
    identity::Identity,
    sealed::{SealedHeader, VerifiedImage},
};
use record::Record;
use usage::{Known, Usage};

const IMAGE: &str = ".image";
const SEAL: &str = ".seal";
/// How often an entry that another process keeps replacing is tried again.
const TRIES: usize = 4;

/// An image that may be mapped: its hash is that of its id, and its header is authenticated.
#[derive(Debug, Clone)]
pub struct MappableImage {
    file: Arc<File>,
    header: SealedHeader,
}

impl MappableImage {
    /// The caller knows that the file is what the header says, and that nobody can change it.
    pub(crate) fn new(file: Arc<File>, header: SealedHeader) -> Self {
        Self { file, header }
    }

    /// The image, which cannot be written to. It stays whole when the cache drops its name.
    pub fn file(&self) -> &Arc<File> {
        &self.file
    }

    /// SHA-256 of the image.
    pub fn id(&self) -> HeapId {
        self.header.id
    }

    /// Length of the image, in bytes.
    #[expect(clippy::len_without_is_empty, reason = "an image is never empty, and nobody asks")]
    pub fn len(&self) -> u64 {
        self.header.image_len
    }

    /// What its maker says of it.
    pub fn facts(&self) -> &HeapFacts {
        &self.header.facts
    }
}

/// Keeps uncompressed images as files of a directory, for mapping.
///
/// To hash an image of 200 MB at each use would cost 100 ms. So a file `<id>.seal` says, authenticated
/// with the heap key, which file `<id>.image` was when it was hashed: device, inode, size, modification
/// and change time, and this boot of the machine. An image that does not match its seal is hashed
/// again, and removed if it is wrong. An image without an authentic seal is removed: that its hash is
/// its name says nothing of who made it. Nothing here needs to survive a crash, so nothing is synced;
/// after a reboot every image is hashed once.
///
/// Images that were not used for longest are removed when all of them exceed the budget. Those that
/// somebody in this process holds are kept; so the budget can be exceeded. Several processes may
/// share a directory; each keeps to the budget by what it has seen.
///
/// All methods wait for the disk.
#[derive(Debug)]
pub struct ImageCache {
    directory: Directory,
    key: Arc<HeapKey>,
    boot: Digest,
    usage: Mutex<Usage>,
}

impl ImageCache {
    /// Opens the cache, creating the directory if it is not there.
    ///
    /// # Errors
    /// If the directory cannot be created, or not be read and written.
    pub fn open(directory: &Path, budget: ByteSize, key: Arc<HeapKey>) -> Result<Self, DirectoryError> {
        Self::try_open(Directory::open_or_create(directory)?, budget, key)
            .map_err(DirectoryError::at(directory))
    }

    fn try_open(directory: Directory, budget: ByteSize, key: Arc<HeapKey>) -> io::Result<Self> {
        let usage = Mutex::new(Usage::new(budget));
        let cache = Self { directory, key, boot: record::this_boot()?, usage };
        cache.scan()?;
        Ok(cache)
    }

    /// Creates an empty file in the cache's file system, without a name, open for reading and writing.
    /// An image that was written into it needs no copying to be admitted.
    ///
    /// # Errors
    /// If the file system refuses.
    pub fn create_tmp(&self) -> io::Result<File> {
        Draft::create(&self.directory, 0o400)?.into_file()
    }

    /// Opens an image, or returns `None` if the cache does not have it or had to remove it.
    ///
    /// # Errors
    /// If the file system fails.
    pub fn get(&self, id: HeapId) -> io::Result<Option<MappableImage>> {
        let known = self.usage().known(id);
        if let Some(known) = &known
            && let Some(file) = known.file.upgrade()
            && Identity::of(&file)? == known.identity
        {
            return Ok(Some(self.hand_out(file, known.identity, known.header)));
        }
        let file = match self.directory.open_file(&image_name(id)) {
            Ok(Some(file)) => file,
            Ok(None) => {
                self.usage().forget(id);
                return Ok(None);
            }
            Err(error) if is_link(&error) => return self.discard(id, "it is a link"),
            Err(error) => return Err(error),
        };
        let identity = Identity::of(&file)?;
        match known {
            Some(known) if known.identity == identity => {
                Ok(Some(self.hand_out(file.into(), identity, known.header)))
            }
            _ => self.get_by_record(id, file, identity),
        }
    }

    /// Removes an image; says whether there was one.
    ///
    /// # Errors
    /// If the file system fails.
    pub fn remove(&self, id: HeapId) -> io::Result<bool> {
        let existed = self.directory.remove(&image_name(id))?;
        self.directory.remove(&seal_name(id))?;
        self.usage().forget(id);
        Ok(existed)
    }

    /// Takes in an image, or returns the one that the cache has of the same id.
    pub(crate) fn admit(&self, image: VerifiedImage) -> io::Result<MappableImage> {
        let id = image.header().id;
        for _ in 0..TRIES {
            if let Some(present) = self.get(id)? {
                return Ok(present);
            }
            self.make_room(image.header().image_len)?;
            let admitted = match self.link(&image) {
                Err(error) if is_unlinkable(&error) => self.seal(&self.copy(&image)?)?,
                linked => linked.and_then(|()| self.seal(&image))?,
            };
            if let Some(admitted) = admitted {
                return Ok(admitted);
            }
        }
        Err(io::Error::other("the image is replaced as fast as it is admitted"))
    }

    pub(crate) fn key(&self) -> &HeapKey {
        &self.key
    }

    /// Decides on a file that this process has not verified.
    fn get_by_record(&self, id: HeapId, file: File, identity: Identity) -> io::Result<Option<MappableImage>> {
        let Some(record) = self.read_record(id)? else {
            return self.discard(id, "it has no authentic seal");
        };
        if record.vouches_for(&self.boot, &identity) {
            return Ok(Some(self.hand_out(file.into(), identity, record.header)));
        }
        match VerifiedImage::check(file, record.header)? {
            Some(verified) => self.seal(&verified),
            None => self.discard(id, "it is not what was sealed"),
        }
    }

    fn discard(&self, id: HeapId, reason: &str) -> io::Result<Option<MappableImage>> {
        tracing::warn!(heap = %id, reason, "an image was removed from the cache");
        self.remove(id)?;
        Ok(None)
    }

    /// Vouches for the file that has the image's name now, if that is the verified one.
    fn seal(&self, image: &VerifiedImage) -> io::Result<Option<MappableImage>> {
        let header = image.header();
        let Some(file) = self.directory.open_file(&image_name(header.id))? else { return Ok(None) };
        // Naming the file changed its inode, so it is looked at again.
        let identity = Identity::of(&file)?;
        if !identity.is_same_content(image.identity()) {
            return Ok(None);
        }
        let mut draft = Draft::create(&self.directory, 0o400)?;
        let record = Record { boot: self.boot, identity: identity.encode(), header };
        draft.file().write_all(&record.encode(&self.key))?;
        draft.publish_replacing(&seal_name(header.id))?;
        Ok(Some(self.hand_out(file.into(), identity, header)))
    }

    fn read_record(&self, id: HeapId) -> io::Result<Option<Record>> {
        let Some(file) = self.directory.open_file(&seal_name(id))? else { return Ok(None) };
        let mut bytes = Vec::with_capacity(Record::LEN);
        file.take(Record::LEN as u64 + 1).read_to_end(&mut bytes)?;
        Ok(Record::parse(&bytes, &self.key).filter(|record| record.header.id == id))
    }

    /// Gives the image's file its name.
    fn link(&self, image: &VerifiedImage) -> io::Result<()> {
        let name = image_name(image.header().id);
        draft::replacing(&self.directory, &name, || self.directory.link(image.file(), &name))
    }

    /// Copies an image whose file is on another file system, or cannot be named.
    fn copy(&self, image: &VerifiedImage) -> io::Result<VerifiedImage> {
        let header = image.header();
        let mut draft = Draft::create(&self.directory, 0o400)?;
        let mut from = image.file();
        from.rewind()?;
        io::copy(&mut from, draft.file())?;
        let copied = VerifiedImage::check(draft.file().try_clone()?, header)?;
        draft.publish_replacing(&image_name(header.id))?;
        copied.ok_or_else(|| io::Error::other("the image changed while it was copied"))
    }

    /// The one place where images leave the cache: notes who has it and that it was used.
    fn hand_out(&self, file: Arc<File>, identity: Identity, header: SealedHeader) -> MappableImage {
        let known = Known { identity, header, file: Arc::downgrade(&file) };
        let touch = self.usage().used(known, SystemTime::now());
        // The seal's time tells the next process when the image was used. It is only a hint.
        if touch && let Err(error) = self.directory.touch(&seal_name(header.id)) {
            tracing::debug!(%error, heap = %header.id, "the use of an image was not noted");
        }
        MappableImage::new(file, header)
    }

    /// Removes images until another one fits the budget.
    fn make_room(&self, incoming: u64) -> io::Result<()> {
        if self.usage().fits(incoming) {
            return Ok(());
        }
        // Other processes come and go in the directory too.
        self.scan()?;
        let victims = self.usage().victims(incoming);
        victims.into_iter().try_for_each(|id| self.remove(id).map(drop))
    }

    /// Brings the bookkeeping up to date with the directory. Removes seals that have no image.
    fn scan(&self) -> io::Result<()> {
        let mut found = Vec::new();
        for name in self.directory.names()? {
            if let Some(id) = id_of(&name, IMAGE) {
                let Some((size, made)) = self.directory.stat(&name)? else { continue };
                let used = self.directory.stat(&seal_name(id))?.map_or(made, |(_, used)| used);
                found.push((id, size, used));
            } else if let Some(id) = id_of(&name, SEAL)
                && !self.directory.contains(&image_name(id))?
            {
                self.directory.remove(&name)?;
            }
        }
        self.usage().update(found);
        Ok(())
    }

    fn usage(&self) -> MutexGuard<'_, Usage> {
        self.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a file can only be copied: it is on another file system, or a name was taken from it.
fn is_unlinkable(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::CrossesDevices | io::ErrorKind::NotFound)
}

/// Whether a file was not opened because it is a link to another one.
fn is_link(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::LOOP.raw_os_error())
}

fn image_name(id: HeapId) -> String {
    format!("{id}{IMAGE}")
}

fn seal_name(id: HeapId) -> String {
    format!("{id}{SEAL}")
}

fn id_of(name: &str, suffix: &str) -> Option<HeapId> {
    name.strip_suffix(suffix)?.parse().ok()
}

#[cfg(test)]
mod tests;
