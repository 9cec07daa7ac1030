//! How far the memories of a module can grow: reads what it declares, and declares less.

use std::ops::Range;

use wasm_encoder::{MemorySection, Module, RawSection};
use wasmparser::{MemoryType, Parser, Payload};

use crate::MemoryLimit;

/// Bytes of a page: the only size that a module can choose while custom page sizes are no standard.
const PAGE_BYTES: u64 = 1 << 16;

/// The largest memory that the engine makes, in bytes: 16 GiB, for those with 64-bit addresses.
const ENGINE_MAX_BYTES: u64 = 1 << 34;

/// A module whose memory is too large from the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("memory {memory} begins with {} MB, more than the limit of {} MB", initial_bytes.div_ceil(1 << 20), limit_bytes >> 20)]
pub struct MemoryError {
    /// The memory's index among those that the module defines itself.
    pub memory: u32,
    /// Its initial size.
    pub initial_bytes: u64,
    /// The operator's limit, or else the engine's.
    pub limit_bytes: u64,
}

/// Lowers the maximum of each memory that a module defines to a limit, and leaves every other byte of its
/// sections as it is. Imported memories are made elsewhere and stay as they are.
///
/// The module has been validated.
///
/// # Errors
/// If a memory is larger than the limit, or than any that the engine makes, before it grows.
pub(crate) fn bound(module: Vec<u8>, limit: Option<MemoryLimit>) -> Result<Vec<u8>, MemoryError> {
    let limit_bytes = limit.map_or(ENGINE_MAX_BYTES, MemoryLimit::bytes);
    let mut sections = Vec::new();
    for payload in Parser::new(0).parse_all(&module) {
        // It is valid: no payload is an error.
        let Ok(payload) = payload else { break };
        match &payload {
            Payload::MemorySection(memories) => {
                let memories = memories.clone().into_iter().flatten();
                sections.push(Section::Memories(bounded(memories, limit_bytes)?));
            }
            other => sections.extend(other.as_section().map(|(id, range)| Section::Other(id, range))),
        }
    }
    if limit.is_none() { Ok(module) } else { Ok(encode(&module, &sections)) }
}

enum Section {
    Memories(MemorySection),
    /// Id, and where in the module its content is.
    Other(u8, Range<u64>),
}

fn bounded(
    memories: impl Iterator<Item = MemoryType>,
    limit_bytes: u64,
) -> Result<MemorySection, MemoryError> {
    let limit_pages = limit_bytes / PAGE_BYTES;
    let mut section = MemorySection::new();
    for (memory, kind) in (0..).zip(memories) {
        if kind.initial > limit_pages {
            let initial_bytes = kind.initial.saturating_mul(PAGE_BYTES);
            return Err(MemoryError { memory, initial_bytes, limit_bytes });
        }
        let maximum = kind.maximum.map_or(limit_pages, |maximum| maximum.min(limit_pages));
        section.memory(wasm_encoder::MemoryType { maximum: Some(maximum), ..kind.into() });
    }
    Ok(section)
}

fn encode(module: &[u8], sections: &[Section]) -> Vec<u8> {
    let mut encoded = Module::new();
    for section in sections {
        match section {
            Section::Memories(memories) => encoded.section(memories),
            Section::Other(id, range) => {
                // A module in memory is no longer than `usize` can tell.
                let data = &module[range.start as usize..range.end as usize];
                encoded.section(&RawSection { id: *id, data })
            }
        };
    }
    encoded.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compiled(text: &str) -> Vec<u8> {
        wat::parse_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    /// A module with one text in it, bounded by so many megabytes, is the module with another.
    #[track_caller]
    fn check(around: &str, given: &str, megabytes: u64, expect: &str) {
        let limit = MemoryLimit::from_megabytes(megabytes).expect("a limit");
        let [given, expect] = [given, expect].map(|text| compiled(&around.replace('…', text)));
        let got = bound(given, Some(limit)).expect("it fits");
        assert_eq!(got, expect, "{around}");
        wasmparser::Validator::new().validate_all(&got).expect("still valid");
        assert_eq!(bound(got, Some(limit)), Ok(expect), "bounding twice is bounding once");
    }

    #[track_caller]
    fn check_too_large(text: &str, limit: Option<u64>, expect: &str) {
        let limit = limit.map(|it| MemoryLimit::from_megabytes(it).expect("a limit"));
        let error = bound(compiled(text), limit).map_err(|error| error.to_string());
        assert_eq!(error, Err(expect.to_owned()), "{text}");
    }

    #[test]
    fn the_lower_maximum_counts() {
        check("(module (memory …))", "1", 1, "1 16");
        check("(module (memory …))", "0", 4096, "0 65536");
        check("(module (memory …))", "1 15", 1, "1 15");
        check("(module (memory …))", "1 17", 1, "1 16");
        check("(module (memory …))", "16", 1, "16 16");
        check("(module (memory …))", "2 65536", 4096, "2 65536");
        check("(module (memory …))", "1 100 shared", 2, "1 32 shared");
        check("(module (memory i64 …))", "1", 2, "1 32");
        check("(module (memory i64 …))", "1 281474976710656", 4096, "1 65536");
    }

    #[test]
    fn each_memory_is_bounded_and_no_imported_one() {
        check("(module (memory …) (memory 3 4) (memory i64 1 2))", "2", 1, "2 16");
        check("(module (import \"a\" \"m\" (memory 1 65536)) (memory …))", "2 70", 4, "2 64");
        check("(module (import \"a\" \"m\" (memory 60000)) …)", "", 1, "");
    }

    /// With everything that has an index or an offset in it, and names, which are a custom section.
    #[test]
    fn everything_else_stays() {
        let around = r#"(module $named
            (type $t (func (param i32) (result i32)))
            (import "env" "log" (func $log (param i32)))
            (table 4 funcref)
            (memory $m …)
            (tag $e (param i32))
            (global $g (mut i32) (i32.const 7))
            (export "memory" (memory $m)) (export "double" (func $double))
            (start $begin)
            (elem (i32.const 1) $double)
            (func $begin (call $log (memory.size)))
            (func $double (type $t) (local $x i64)
                (if (result i32) (i32.eqz (local.get 0))
                    (then (memory.grow (i32.const 1)))
                    (else (call_indirect (type $t) (i32.const 0) (i32.const 1)))))
            (data $passive "abc")
            (data (i32.const 16) "\00\01\ff")
            (@custom "about" (after code) "kept"))"#;
        check(around, "1", 3, "1 48");
        check(around, "1 2", 3, "1 2");
    }

    #[test]
    fn modules_without_memory_and_without_limit_stay() {
        check("(module …)", "", 1, "");
        let unlimited = compiled("(module (memory 1))");
        assert_eq!(bound(unlimited.clone(), None), Ok(unlimited));
    }

    #[test]
    fn too_large_from_the_start() {
        check_too_large(
            "(module (memory 17))",
            Some(1),
            "memory 0 begins with 2 MB, more than the limit of 1 MB",
        );
        let second = "(module (import \"a\" \"b\" (memory 99)) (memory 1) (memory 1024))";
        check_too_large(second, Some(63), "memory 1 begins with 64 MB, more than the limit of 63 MB");
        let engine = "memory 0 begins with 16385 MB, more than the limit of 16384 MB";
        check_too_large("(module (memory i64 262145))", None, engine);
        check_too_large(
            "(module (memory i64 281474976710656))",
            Some(4096),
            "memory 0 begins with 17592186044416 MB, more than the limit of 4096 MB",
        );
    }
}
