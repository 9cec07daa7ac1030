//! Tests of the sealed format: what was written is read, and nothing else is.

use std::io::{Cursor, Write as _};

use proptest::prelude::*;
use stasis_core::Digest;

use super::*;

const MAX: ByteSize = ByteSize::mebibytes(1);
const KEY: [u8; 32] = [7; 32];
const FACTS: HeapFacts = HeapFacts {
    base: Some(Digest::from_bytes([1; 32])),
    fingerprint: Digest::from_bytes([2; 32]),
    created: UnixMillis::new(1_700_000_000_123),
};

fn key() -> HeapKey {
    HeapKey::from_bytes(KEY)
}

fn sealed(image: &[u8]) -> Vec<u8> {
    let mut file = tempfile::tempfile().expect("tempfile");
    file.write_all(image).expect("write");
    seal(file, FACTS, &key(), MAX).expect("seal").1
}

fn outcome(sealed: &[u8]) -> String {
    let mut image = Cursor::new(vec![]);
    match unseal(sealed, &key(), MAX, &mut image) {
        Ok(header) => {
            assert_eq!(header.id, Digest::of(image.get_ref()));
            "good".to_owned()
        }
        Err(error) => error.to_string(),
    }
}

/// Seals a header over a body, whatever they say.
fn with_header(change: impl FnOnce(&mut [u8]), body: &[u8]) -> Vec<u8> {
    let mut bytes = sealed(b"image")[..SealedHeader::LEN].to_vec();
    change(&mut bytes);
    let tag = key().sign(&bytes[..128]);
    bytes[128..].copy_from_slice(&tag);
    [&bytes, body].concat()
}

#[test]
fn the_layout_is_fixed() {
    let image = b"image";
    let bytes = sealed(image);
    assert_eq!(bytes[..16], *b"STASIS\0H\x01\0\0\0\x01\x01\0\0");
    assert_eq!(bytes[16..24], 5u64.to_le_bytes());
    assert_eq!(bytes[24..32], 1_700_000_000_123u64.to_le_bytes());
    assert_eq!(bytes[32..64], [1; 32]);
    assert_eq!(bytes[64..96], [2; 32]);
    assert_eq!(bytes[96..128], *Digest::of(image).as_bytes());
    assert_eq!(bytes[160..164], 0xfd2f_b528u32.to_le_bytes());
}

#[test]
fn what_is_no_heap_of_this_format_is_told_apart() {
    let check = |bytes: &[u8], expect: &str| assert_eq!(outcome(bytes), expect);
    let other = |version: &[u8]| [b"STASIS\0H", version, &[0; 200]].concat();
    check(b"PK\x03\x04 something else", "not a heap");
    check(b"STASIS\0S and more", "not a heap");
    check(b"x", "not a heap");
    check(b"", "cut short within its header");
    check(b"STASIS", "cut short within its header");
    check(b"STASIS\0H\x01\0\0", "cut short within its header");
    check(&other(b"\x02\0\0\0"), "stored in format 2; this build reads format 1");
    check(&other(b"\xff\xff\xff\xff"), "stored in format 4294967295; this build reads format 1");
    check(&other(b"\x01\0\0\0"), "not authenticated by this heap key");
}

#[test]
fn authentic_but_impossible_headers_are_refused() {
    let check = |at: usize, value: u8, field| {
        let bytes = with_header(|header| header[at] = value, &[]);
        assert_eq!(outcome(&bytes), format!("impossible value of header field `{field}`"));
    };
    check(12, 0, "compression");
    check(12, 2, "compression");
    check(13, 0, "base");
    check(13, 2, "flags");
    check(13, 0x81, "flags");
    check(14, 1, "reserved");
    check(15, 1, "reserved");
}

#[test]
fn the_image_is_bounded_whatever_header_and_frame_say() {
    let frame = |image: &[u8]| zstd::bulk::compress(image, 3).expect("compress");
    let len = |len: u64| move |header: &mut [u8]| header[16..24].copy_from_slice(&len.to_le_bytes());
    let check = |bytes: &[u8], expect: &str| assert_eq!(outcome(bytes), expect);
    let length = "the image is not as long as its header says";
    let frame_damaged = "the compressed part is damaged";
    check(&with_header(|_| (), &frame(b"image")), "good");
    check(&with_header(|_| (), &frame(b"other")), "the image does not have the hash that its header says");
    check(&with_header(|_| (), &frame(&[0; 1 << 20])), length);
    check(&with_header(len(4), &frame(b"image")), length);
    check(&with_header(len(6), &frame(b"image")), length);
    check(&with_header(len(u64::MAX), &[]), "an image of 17179869184.0 GiB exceeds the limit of 1.0 MiB");
    check(&with_header(len((1 << 20) + 1), &[]), "an image of 1.0 MiB exceeds the limit of 1.0 MiB");
    check(&with_header(|_| (), &[]), frame_damaged);
    check(&with_header(|_| (), b"no frame at all"), frame_damaged);
    let doubled = frame(b"image").repeat(2);
    check(&with_header(|_| (), &doubled), "something follows the compressed part");
    // A frame whose header claims the right length and whose content is longer, and the reverse.
    let mut lying = frame(&[0; 200]);
    assert_eq!(lying[5], 200);
    lying[5] = 5;
    check(&with_header(|_| (), &lying), frame_damaged);
    // A frame without content size: we never write one.
    let unsized_frame = zstd::stream::encode_all(&b"image"[..], 3).expect("compress");
    check(&with_header(|_| (), &unsized_frame), length);
}

#[test]
fn no_flipped_byte_and_no_cut_yields_another_image() {
    let image: Vec<u8> = (0..300u32).flat_map(|n| (n * n).to_le_bytes()).collect();
    let bytes = sealed(&image);
    assert_eq!(outcome(&bytes), "good");
    for at in 0..bytes.len() {
        assert_ne!(outcome(&bytes[..at]), "good", "cut at {at}");
        for mask in [0x01, 0x10, 0x80, 0xff] {
            let mut flipped = bytes.clone();
            flipped[at] ^= mask;
            let mut got = vec![];
            match unseal(&flipped, &key(), MAX, &mut got) {
                // A few bits of a zstd frame mean nothing.
                Ok(_) => assert!(at >= SealedHeader::LEN && got == image, "byte {at} flipped by {mask:#x}"),
                Err(error) => check_part(at, &error),
            }
        }
    }
    assert_ne!(outcome(&[&bytes[..], b"x"].concat()), "good");
}

/// Says which error a change at an offset may cause.
fn check_part(at: usize, error: &SealError) {
    let expected = match at {
        0..8 => matches!(error, SealError::Damaged(Damage::NotAHeap)),
        8..12 => matches!(error, SealError::OtherFormat { .. }),
        12..SealedHeader::LEN => matches!(error, SealError::NotAuthenticated),
        _ => matches!(
            error,
            SealError::Damaged(Damage::Frame | Damage::Length | Damage::Hash | Damage::Trailing)
        ),
    };
    assert!(expected, "byte {at}: {error}");
}

#[test]
fn another_key_is_refused() {
    let other = HeapKey::from_bytes([8; 32]);
    let refused = unseal(&sealed(b"image"), &other, MAX, &mut vec![]);
    assert!(matches!(refused, Err(SealError::NotAuthenticated)));
}

#[test]
fn an_image_that_is_too_large_is_not_sealed() {
    let file = tempfile::tempfile().expect("tempfile");
    file.set_len(MAX.get() + 1).expect("grow");
    assert!(matches!(seal(file, FACTS, &key(), MAX), Err(SealError::TooLarge { .. })));
}

fn any_header() -> impl Strategy<Value = SealedHeader> {
    let digest = || any::<[u8; 32]>().prop_map(Digest::from_bytes);
    (digest(), any::<u64>(), prop::option::of(digest()), digest(), any::<u64>()).prop_map(
        |(id, image_len, base, fingerprint, created)| {
            let facts = HeapFacts { base, fingerprint, created: UnixMillis::new(created) };
            SealedHeader { id, image_len, facts }
        },
    )
}

proptest! {
    #[test]
    fn headers_are_read_as_they_were_written(header in any_header(), rest: Vec<u8>) {
        let bytes = [&header.encode(&key())[..], &rest].concat();
        prop_assert_eq!(SealedHeader::parse(&bytes, &key()).expect("parse"), header);
    }

    #[test]
    fn images_come_back(image in prop::collection::vec(any::<u8>(), 0..5000), times in 0usize..100) {
        let image = image.repeat(times.min(MAX.get() as usize / image.len().max(1)));
        let mut back = vec![];
        unseal(&sealed(&image), &key(), MAX, &mut back).expect("unseal");
        prop_assert_eq!(back, image);
    }

    #[test]
    fn no_bytes_do_harm(mut signed in prop::collection::vec(any::<u8>(), 128), body: Vec<u8>, marked: bool) {
        if marked {
            signed[..16].copy_from_slice(b"STASIS\0H\x01\0\0\0\x01\x01\0\0");
            signed[19..24].fill(0);
        }
        let tag = key().sign(&signed);
        let mut image = vec![];
        let result = unseal(&[&signed[..], &tag, &body].concat(), &key(), MAX, &mut image);
        prop_assert!(result.is_err());
        prop_assert!(image.len() as u64 <= MAX.get());
    }
}
