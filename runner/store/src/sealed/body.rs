//! The compressed image.

use std::{
    fs::File,
    io::{self, Read as _, Write},
    os::unix::fs::FileExt as _,
};

use sha2::{Digest as _, Sha256};
use stasis_core::{Digest, HeapId};
use zstd::stream::{read::Decoder, write::Encoder};

use super::{Damage, SealError};

/// How much is read, hashed and compressed at a time: it stays in the second-level cache.
const CHUNK: usize = 256 << 10;

/// A frame that asks for more memory than a window of 2^23 bytes was not written by us.
const MAX_WINDOW_LOG: u32 = 23;

/// The compression level. Measured on process memory of 0.06 to 200 MB, level 3 takes a third to twice
/// as long and saves a twentieth at best; faster levels are not faster.
const LEVEL: i32 = 1;

/// Images from this size on are worth threads of their own, for hashing and for compressing.
const LARGE: u64 = 4 << 20;
/// The most threads that compress one image.
const MAX_THREADS: usize = 4;

/// Hashes and compresses an image. The result begins with `reserve` bytes of zeros.
pub(super) fn pack(image: &File, image_len: u64, reserve: usize) -> Result<(HeapId, Vec<u8>), SealError> {
    let mut encoder = Encoder::new(vec![0; reserve], LEVEL)?;
    encoder.set_pledged_src_size(Some(image_len))?;
    encoder.include_checksum(false)?;
    if image_len >= LARGE {
        return pack_with_threads(image, image_len, encoder);
    }
    let mut hash = Sha256::new();
    read_all(image, image_len, |chunk| {
        hash.update(chunk);
        encoder.write_all(chunk)
    })?;
    Ok((Digest::from_bytes(hash.finalize().into()), encoder.finish()?))
}

/// The same, reading the image twice: it is in memory, and hashing alone takes a third as long as compressing.
fn pack_with_threads(
    image: &File,
    image_len: u64,
    mut encoder: Encoder<'_, Vec<u8>>,
) -> Result<(HeapId, Vec<u8>), SealError> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS);
    encoder.multithread(threads as u32)?;
    std::thread::scope(|scope| {
        let hashing = std::thread::Builder::new().spawn_scoped(scope, || hash_file(image, image_len))?;
        read_all(image, image_len, |chunk| encoder.write_all(chunk))?;
        let packed = encoder.finish()?;
        let id = hashing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        Ok((id, packed))
    })
}

/// Hashes the first `len` bytes of a file.
pub(super) fn hash_file(file: &File, len: u64) -> io::Result<HeapId> {
    let mut hash = Sha256::new();
    read_all(file, len, |chunk| {
        hash.update(chunk);
        Ok(())
    })?;
    Ok(Digest::from_bytes(hash.finalize().into()))
}

/// Reads `len` bytes from a file's beginning, wherever its cursor is.
fn read_all(file: &File, len: u64, mut each: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK.min(usize::try_from(len).unwrap_or(CHUNK))];
    let mut at = 0;
    while at < len {
        let wanted = buffer.len().min(usize::try_from(len - at).unwrap_or(CHUNK));
        let read = match file.read_at(&mut buffer[..wanted], at) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        each(&buffer[..read])?;
        at += read as u64;
    }
    Ok(())
}

/// Decompresses a frame that must hold exactly `image_len` bytes; returns their hash.
pub(super) fn unpack(frame: &[u8], image_len: u64, into: &mut impl Write) -> Result<HeapId, SealError> {
    match zstd::zstd_safe::get_frame_content_size(frame) {
        Ok(Some(len)) if len == image_len => {}
        Ok(_) => return Err(Damage::Length.into()),
        Err(_) => return Err(Damage::Frame.into()),
    }
    let mut decoder = Decoder::with_buffer(frame)?.single_frame();
    decoder.window_log_max(MAX_WINDOW_LOG)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; CHUNK];
    let mut left = image_len;
    loop {
        // The input is memory: a failure is always one of the data.
        let read = decoder.read(&mut buffer).map_err(|_| Damage::Frame)?;
        if read == 0 {
            break;
        }
        left = left.checked_sub(read as u64).ok_or(Damage::Length)?;
        hash.update(&buffer[..read]);
        into.write_all(&buffer[..read])?;
    }
    match (left, decoder.finish()) {
        (0, []) => Ok(Digest::from_bytes(hash.finalize().into())),
        (0, _) => Err(Damage::Trailing.into()),
        _ => Err(Damage::Length.into()),
    }
}
