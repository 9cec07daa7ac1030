//! Tests of the image format: what is written is read, and nothing else is.

use proptest::prelude::*;

use super::*;

/// The bytes of a well-formed image with two areas, two runs and two patches.
fn sample() -> Vec<u8> {
    let header = Header {
        fingerprint: [7; 32],
        base: None,
        cpu: 5,
        monotonic: 6,
        data: 7,
        registers: std::array::from_fn(|i| i as u64),
        thread_pointer: 8,
        robust_list: 9,
        thawed: 10,
        vdso: Vdso {
            start: 0x7f00_0000_0000,
            end: 0x7f00_0000_3000,
            code: 0x7f00_0000_2000,
            digest: [3; 32],
            functions: [0, 16, 32, 48, 0xff8],
        },
        areas: 2,
        runs: 2,
        pages: 3,
        hot: 0,
        patches: 2,
        patched: 24,
    };
    let area = |start, end, backing, offset| Area { start, end, protection: 3, backing, offset };
    let mut page = [0; PAGE_SIZE as usize];
    header.encode(&mut page);
    let mut bytes = page.to_vec();
    bytes.resize(4 * PAGE_SIZE as usize, 0xab);
    let areas =
        [area(0x10000, 0x14000, Backing::Anonymous, 0), area(0x14000, 0x20000, Backing::Program(1), 0x1000)];
    areas.iter().flat_map(Area::encode).for_each(|word| bytes.extend(word.to_le_bytes()));
    let (runs, patches) = ([0x11000u64, 1, 0x14000, 2], [0x12008, 16, 0x17ff8, 8]);
    runs.iter().chain(&patches).chain(&[7; 3]).for_each(|word| bytes.extend(word.to_le_bytes()));
    bytes
}

const AREAS_AT: usize = 4 * PAGE_SIZE as usize;
const RUNS_AT: usize = AREAS_AT + 64;
const PATCHES_AT: usize = RUNS_AT + 32;

fn check(change: impl FnOnce(&mut Vec<u8>), expect: &str) {
    let mut bytes = sample();
    change(&mut bytes);
    let error = Image::parse(&bytes).expect_err(expect);
    assert_eq!(error.to_string(), expect);
}

fn set(at: usize, value: u64) -> impl FnOnce(&mut Vec<u8>) {
    move |bytes| bytes[at..at + 8].copy_from_slice(&value.to_le_bytes())
}

#[test]
fn what_was_written_is_read() {
    let image = Image::parse(&sample()).expect("well-formed");
    assert_eq!(image.header.fingerprint, [7; 32]);
    assert_eq!(image.header.registers, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(image.header.vdso.functions[4], 0xff8);
    assert_eq!(image.areas[1].backing, Backing::Program(1));
    assert_eq!(image.runs, [Run { address: 0x11000, pages: 1 }, Run { address: 0x14000, pages: 2 }]);
}

#[test]
fn what_contradicts_itself_is_refused() {
    check(|bytes| bytes.clear(), "not a heap image");
    check(|bytes| bytes[0] ^= 1, "not a heap image");
    check(|bytes| bytes[8] = 1, "heap image of format version 1; this build reads version 2");
    check(|bytes| bytes[12] = 0, "heap image for another processor architecture (0x8600)");
    check(|bytes| bytes.push(0), "truncated heap image: 16537 bytes, expected 16536");
    check(|bytes| bytes.truncate(16535), "truncated heap image: 16535 bytes, expected 16536");
    check(|bytes| bytes[4095] = 1, "corrupted heap image: padding");
    check(set(48, 2), "corrupted heap image: base marker");
    check(set(AREAS_AT, 0x10001), "corrupted heap image: area");
    check(set(AREAS_AT, 0), "corrupted heap image: area");
    check(set(AREAS_AT + 8, 0x15000), "corrupted heap image: area");
    check(set(AREAS_AT + 8, 0x10000), "corrupted heap image: area");
    check(set(AREAS_AT + 40, u64::MAX - 0xfff), "corrupted heap image: area");
    check(set(AREAS_AT + 40, 0x7f00_0000_1000), "corrupted heap image: area over the vdso");
    check(set(AREAS_AT + 16, 8), "corrupted heap image: protection of an area");
    check(set(AREAS_AT + 16, 1 << 32), "corrupted heap image: area of a base that is not named");
    check(set(AREAS_AT + 24, 0u64.wrapping_sub(0x1000)), "corrupted heap image: offset of an area");
    check(set(RUNS_AT, 0xf000), "corrupted heap image: run outside of any area");
    check(set(RUNS_AT, 0x11001), "corrupted heap image: run");
    check(set(RUNS_AT + 8, 0), "corrupted heap image: run");
    check(set(RUNS_AT + 8, 4), "corrupted heap image: run outside of any area");
    check(set(RUNS_AT + 8, 2), "corrupted heap image: number of pages");
    check(set(RUNS_AT + 16, 0x11000), "corrupted heap image: run");
    check(set(RUNS_AT + 24, u64::MAX), "corrupted heap image: run");
    check(set(PATCHES_AT, 0x12004), "corrupted heap image: patch");
    check(set(PATCHES_AT, 0x12ff8), "corrupted heap image: patch");
    check(set(PATCHES_AT, u64::MAX - 7), "corrupted heap image: patch");
    check(set(PATCHES_AT, 0xfff0), "corrupted heap image: patch outside of writable memory");
    check(set(PATCHES_AT, 0x20000), "corrupted heap image: patch outside of writable memory");
    check(set(AREAS_AT + 16, 1), "corrupted heap image: patch outside of writable memory");
    check(set(PATCHES_AT + 8, 0), "corrupted heap image: patch");
    check(set(PATCHES_AT + 8, 12), "corrupted heap image: patch");
    check(set(PATCHES_AT + 8, u64::MAX - 7), "corrupted heap image: patch");
    check(set(PATCHES_AT + 8, 8), "corrupted heap image: bytes of patches");
    check(set(PATCHES_AT + 16, 0x12010), "corrupted heap image: patch");
}

#[test]
fn pages_at_hand_lie_in_areas() {
    #[track_caller]
    fn check(hot: &[(u64, u64)], fits: bool) {
        let mut image = Image::parse(&sample()).expect("well-formed");
        let runs = hot.iter().map(|&(address, pages)| Run { address, pages });
        assert_eq!(image.set_hot(runs.collect()).is_ok(), fits, "{hot:?}");
        assert!(!fits || image.header.hot == hot.len() as u64);
    }
    check(&[], true);
    check(&[(0x11000, 1), (0x16000, 1)], true);
    check(&[(0x16000, 1), (0x11000, 1)], false);
    check(&[(0x1000, 1)], false);
    check(&[(0x11000, MAX_HOT_PAGES + 1)], false);
}

#[test]
fn pieces_of_files_are_runs_and_what_the_program_shows_between_them() {
    let mut image = Image::parse(&sample()).expect("well-formed");
    let run = |(address, pages)| Run { address, pages };
    let area = |start, end, backing| Area { start, end, protection: 1, backing, offset: 0 };
    let mut check = |areas: &[(u64, u64, Backing)], runs: &[(u64, u64)], expect: &[(u64, u64)]| {
        image.areas = areas.iter().map(|&(start, end, backing)| area(start, end, backing)).collect();
        image.runs = runs.iter().copied().map(run).collect();
        let expect: Vec<_> = expect.iter().copied().map(run).collect();
        assert_eq!(image.pieces_of_files(), expect, "{areas:?} {runs:?}");
    };
    let (program, anonymous) = (Backing::Program(0), Backing::Anonymous);
    check(&[], &[], &[]);
    check(&[(0x1000, 0x4000, anonymous)], &[(0x2000, 1)], &[(0x2000, 1)]);
    check(&[(0x1000, 0x4000, program)], &[], &[(0x1000, 3)]);
    check(&[(0x1000, 0x4000, program)], &[(0x1000, 3)], &[(0x1000, 3)]);
    check(&[(0x1000, 0x4000, program)], &[(0x2000, 1)], &[(0x1000, 1), (0x2000, 1), (0x3000, 1)]);
    check(
        &[(0x1000, 0x2000, program), (0x2000, 0x4000, anonymous), (0x5000, 0x6000, program)],
        &[(0x2000, 1), (0x3000, 1)],
        &[(0x1000, 1), (0x2000, 1), (0x3000, 1), (0x5000, 1)],
    );
}

#[test]
fn numbers_in_the_header_are_bounded() {
    let counts_at = Header::BYTES - 48;
    check(set(counts_at, u64::MAX), "corrupted heap image: number of areas");
    check(set(counts_at + 8, u64::MAX), "corrupted heap image: number of runs");
    check(set(counts_at + 16, u64::MAX), "corrupted heap image: number of pages");
    check(set(counts_at + 24, u64::MAX), "corrupted heap image: number of hot runs");
    check(set(counts_at + 32, u64::MAX), "corrupted heap image: number of patches");
    check(set(counts_at + 40, 2 * PAGE_SIZE + 1), "corrupted heap image: bytes of patches");
    let vdso_at = counts_at - 96;
    check(set(vdso_at, u64::MAX), "corrupted heap image: place of the vdso");
    check(set(vdso_at + 8, u64::MAX), "corrupted heap image: place of the vdso");
    check(set(vdso_at + 16, 1), "corrupted heap image: place of the vdso");
    check(set(vdso_at + 16, 0x7f00_0000_3000), "corrupted heap image: place of the vdso");
    check(set(vdso_at + 56, 0xff9), "corrupted heap image: place of the vdso");
}

#[test]
fn a_short_file_says_whether_it_was_an_image() {
    let check = |content: &[u8], expect: &str| {
        let file = tempfile::tempfile().expect("temporary file");
        std::os::unix::fs::FileExt::write_all_at(&file, content, 0).expect("write");
        assert_eq!(Image::read(&file).expect_err(expect).to_string(), expect);
    };
    check(b"", "not a heap image");
    check(b"STASISIM", "truncated heap image: 8 bytes, expected 4096");
    check(&sample()[..5000], "truncated heap image: 5000 bytes, expected 16536");
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..9000)) {
        let _ = Image::parse(&bytes);
    }

    #[test]
    fn no_change_makes_it_panic(at in 0usize..16536, value in any::<u64>()) {
        let mut bytes = sample();
        let end = bytes.len().min(at + 8);
        bytes[at..end].copy_from_slice(&value.to_le_bytes()[..end - at]);
        if let Ok(image) = Image::parse(&bytes) {
            prop_assert_eq!(image.header.image_bytes(), bytes.len() as u64);
        }
    }
}
