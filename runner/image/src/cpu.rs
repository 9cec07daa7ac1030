//! Which processor features a frozen process may rely on.
//!
//! V8, glibc and the crypto libraries choose code by the features that they find when they start,
//! and a heap keeps that choice. A heap may therefore only be thawed on a processor that has all of
//! them.

macro_rules! features {
    ($($bit:literal $name:tt)*) => {
        /// The features of this processor, one bit each; none where nothing is frozen.
        pub fn current() -> u64 {
            #[cfg(target_arch = "x86_64")]
            return 0 $(| u64::from(std::arch::is_x86_feature_detected!($name)) << $bit)*;
            #[cfg(not(target_arch = "x86_64"))]
            return 0;
        }

        const NAMES: &[(u32, &str)] = &[$(($bit, $name)),*];
    };
}

// A bit, once given, keeps its meaning: it is stored in images.
features! {
    0 "aes" 1 "pclmulqdq" 2 "rdrand" 3 "rdseed" 4 "sse3" 5 "ssse3" 6 "sse4.1" 7 "sse4.2"
    8 "sse4a" 9 "sha" 10 "avx" 11 "avx2" 12 "fma" 13 "f16c" 14 "bmi1" 15 "bmi2"
    16 "lzcnt" 17 "popcnt" 18 "movbe" 19 "adx" 20 "xsave" 21 "xsaveopt" 22 "xsavec" 23 "xsaves"
    24 "avx512f" 25 "avx512cd" 26 "avx512dq" 27 "avx512bw" 28 "avx512vl" 29 "avx512ifma"
    30 "avx512vbmi" 31 "avx512vbmi2" 32 "avx512vnni" 33 "avx512bitalg" 34 "avx512vpopcntdq"
    35 "gfni" 36 "vaes" 37 "vpclmulqdq" 38 "cmpxchg16b" 39 "fxsr" 40 "tbm"
}

/// The names of the features in `features`, for messages.
pub fn names(features: u64) -> String {
    let names: Vec<_> =
        NAMES.iter().filter(|(bit, _)| features >> bit & 1 == 1).map(|&(_, name)| name).collect();
    names.join(", ")
}

/// What `needed` has and `available` lacks.
pub const fn missing(needed: u64, available: u64) -> u64 {
    needed & !available
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_unique_and_named() {
        let all = NAMES.iter().fold(0, |bits, (bit, _)| {
            assert_eq!(bits >> bit & 1, 0, "bit {bit} is used twice");
            bits | 1u64 << bit
        });
        assert_eq!(current() & !all, 0);
        assert_eq!(names(1 | 1 << 11), "aes, avx2");
        assert_eq!(missing(0b110, 0b011), 0b100);
    }
}
