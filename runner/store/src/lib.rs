//! Keeps heaps.
//!
//! A heap's *image* is native memory: whoever can choose the bytes that are mapped can run code. So
//! an image is stored *sealed* (compressed, named by its hash, authenticated with the installation's
//! key) and is only ever handed out as a [`MappableImage`], which cannot be had without that proof.
//!
//! * [`HeapStore`] is what the rest of the product uses: save, open, list, remove.
//! * [`FileBlobStore`] keeps sealed images in a directory, durably.
//! * [`ImageCache`] keeps uncompressed images in a directory, so that they can be mapped.
//! * [`SledRefStore`] keeps references (sessions, tags, executions) in an embedded database.
//! * [`sealed`] is the stored format; [`HeapKey`] authenticates it.
//!
//! This crate knows nothing of what is inside an image, and neither sockets nor cloud.

mod blocking;
mod directory;
mod draft;
mod file_blob_store;
mod heap_error;
mod heap_key;
mod heap_store;
mod identity;
mod image_cache;
mod recent_images;
pub mod sealed;
mod sled_ref_store;

pub use directory::DirectoryError;
pub use file_blob_store::FileBlobStore;
pub use heap_error::HeapError;
pub use heap_key::{HeapKey, KeyError};
pub use heap_store::{HeapInfo, HeapStore};
pub use image_cache::{ImageCache, MappableImage};
pub use sealed::{HeapFacts, UnixMillis};
pub use sled_ref_store::{OpenError, SledRefStore};
