//! Modules that were fetched before. A source is kept under the hash of its content, and checked against it when
//! it is read; an index says what was found at a URL, and until when that is good.

use std::{
    io,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use stasis_core::{
    Digest,
    host::{MAX_CONTENT_BYTES, ModuleKind},
};
use url::Url;

use super::{shelf::Shelf, specifier};
use crate::blocking::blocking;

/// Most bytes of an entry of the index: a few URLs and tags.
const MAX_ENTRY_BYTES: u64 = 64 << 10;
/// The part of the cache that the index gets.
const INDEX_SHARE: u64 = 8;

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Cache {
    shelves: Arc<Shelves>,
}

#[derive(Debug)]
struct Shelves {
    index: Shelf,
    sources: Shelf,
}

/// What is at a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// A module.
    Source {
        /// What it is written in.
        kind: ModuleKind,
        /// The source.
        text: Arc<str>,
    },
    /// Something else is to be asked.
    Redirect(Url),
}

/// What is known of a URL from an earlier time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Known {
    /// What was there.
    pub(super) found: Found,
    /// What the server calls this state of it.
    pub(super) validators: Validators,
    /// Whether it can be used without asking.
    pub(super) fresh: bool,
}

/// What a server calls a state of a resource, for asking whether it has changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Validators {
    pub(super) etag: Option<String>,
    pub(super) last_modified: Option<String>,
}

/// What the index keeps about a URL.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// Again, as its hash is all there is in the file's name.
    url: String,
    found: Kept,
    validators: Validators,
    /// In seconds since 1970.
    stored: u64,
    /// Likewise.
    fresh_until: u64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
enum Kept {
    Source { kind: ModuleKind, digest: Digest },
    Redirect(String),
}

impl Cache {
    /// Keeps modules in memory, up to `room` bytes.
    pub(super) fn in_memory(room: u64) -> Self {
        let index = Shelf::in_memory(room / INDEX_SHARE);
        let sources = Shelf::in_memory(room - room / INDEX_SHARE);
        Self { shelves: Arc::new(Shelves { index, sources }) }
    }

    /// Keeps modules in a folder, up to `room` bytes.
    pub(super) fn in_folder(folder: &Path, room: u64) -> io::Result<Self> {
        let index = Shelf::in_folder(folder.join("index"), room / INDEX_SHARE)?;
        let sources = Shelf::in_folder(folder.join("sources"), room - room / INDEX_SHARE)?;
        Ok(Self { shelves: Arc::new(Shelves { index, sources }) })
    }

    /// What is known of a URL. What has been damaged is not.
    pub(super) async fn get(&self, url: &Url) -> Option<Known> {
        let (shelves, url) = (Arc::clone(&self.shelves), url.clone());
        blocking(move || shelves.get(&url)).await.flatten()
    }

    /// Keeps what was found at a URL, which is good for so long.
    pub(super) async fn put(&self, url: &Url, found: Found, validators: Validators, good_for: Duration) {
        let (shelves, url) = (Arc::clone(&self.shelves), url.clone());
        // Whoever shuts the server down needs no cache.
        blocking(move || shelves.put(url, found, validators, good_for)).await;
    }

    /// Forgets what was found at a URL.
    pub(super) async fn forget(&self, url: &Url) {
        let (shelves, name) = (Arc::clone(&self.shelves), name_of(url));
        blocking(move || shelves.index.remove(&name)).await;
    }
}

impl Shelves {
    fn get(&self, url: &Url) -> Option<Known> {
        let name = name_of(url);
        let bytes = self.index.get(&name, MAX_ENTRY_BYTES)?;
        let entry = serde_json::from_slice::<Entry>(&bytes).ok().filter(|entry| entry.url == url.as_str());
        let Some(Entry { found, validators, stored, fresh_until, .. }) = entry else {
            tracing::warn!(%url, "a damaged entry of the module cache is dropped");
            self.index.remove(&name);
            return None;
        };
        let found = match found {
            Kept::Redirect(to) => Found::Redirect(specifier::check(Url::parse(&to).ok()?).ok()?),
            Kept::Source { kind, digest } => Found::Source { kind, text: self.source(digest)? },
        };
        // A clock that was put back makes nothing fresh.
        Some(Known { found, validators, fresh: (stored..fresh_until).contains(&now()) })
    }

    fn source(&self, digest: Digest) -> Option<Arc<str>> {
        let name = digest.to_string();
        let bytes = self.sources.get(&name, MAX_CONTENT_BYTES as u64)?;
        let text = std::str::from_utf8(&bytes).ok().filter(|_| Digest::of(&bytes) == digest);
        if text.is_none() {
            tracing::warn!(name, "a damaged source in the module cache is dropped");
            self.sources.remove(&name);
        }
        text.map(Arc::from)
    }

    fn put(&self, url: Url, found: Found, validators: Validators, good_for: Duration) {
        let found = match found {
            Found::Redirect(to) => Kept::Redirect(to.into()),
            Found::Source { kind, text } => {
                let digest = Digest::of(text.as_bytes());
                self.sources.put(&digest.to_string(), Bytes::copy_from_slice(text.as_bytes()));
                Kept::Source { kind, digest }
            }
        };
        let stored = now();
        let fresh_until = stored.saturating_add(good_for.as_secs());
        let name = name_of(&url);
        let entry = Entry { url: url.into(), found, validators, stored, fresh_until };
        let bytes = serde_json::to_vec(&entry).expect("strings and numbers are always JSON");
        if bytes.len() as u64 <= MAX_ENTRY_BYTES {
            self.index.put(&name, bytes.into());
        }
    }
}

/// The name of a URL's entry in the index.
fn name_of(url: &Url) -> String {
    Digest::of(url.as_str().as_bytes()).to_string()
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
