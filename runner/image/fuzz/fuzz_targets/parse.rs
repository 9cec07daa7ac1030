//! No bytes make the header parser panic, and what it accepts has the size that it says.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(image) = stasis_image::Image::parse(bytes) {
        assert_eq!(image.header.image_bytes(), bytes.len() as u64);
    }
});
