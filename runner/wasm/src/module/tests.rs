//! What is accepted and what is not.

use proptest::prelude::*;

use super::*;

const PATH: &str = "m.wasm";

fn compiled(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn checked(bytes: Vec<u8>, limit: Option<MemoryLimit>) -> Result<WasmModule, ModuleError> {
    WasmModule::check("m".parse().expect("a name"), bytes, limit, Path::new(PATH))
}

#[track_caller]
fn check_refused(bytes: &[u8], expect: &str) {
    let error = checked(bytes.to_vec(), None).map_err(|error| error.to_string());
    assert_eq!(error, Err(expect.to_owned()));
}

/// The same table is put to the engine in `tests/tests/it/wasm`.
#[test]
fn the_features_of_the_engine() {
    let table = include_str!("../../tests/features.txt");
    let mut seen = [0; 2];
    for (expect, text) in table.lines().filter_map(|line| line.split_once(' ')) {
        let is_on = match expect {
            "on" => true,
            "off" => false,
            _ => continue,
        };
        let got = checked(compiled(text), None);
        assert_eq!(got.is_ok(), is_on, "{text}: {:?}", got.err().map(|error| error.to_string()));
        seen[usize::from(is_on)] += 1;
    }
    assert!(seen[0] >= 5 && seen[1] >= 15, "the table is read: {seen:?}");
}

#[test]
fn imports_and_exports() {
    let text = r#"(module
        (import "wasi_snapshot_preview1" "fd_write" (func (param i32)))
        (import "env" "memory" (memory 1)) (import "env" "table" (table 1 funcref))
        (import "env" "g" (global i32)) (import "env" "e" (tag))
        (func (export "f")) (export "m" (memory 0)) (export "t" (table 0)) (export "g" (global 0))
        (export "größe" (tag 0)))"#;
    let module = checked(compiled(text), None).expect("valid");
    let imports: Vec<_> = module.imports().iter().map(|it| (&*it.module, &*it.name, it.kind)).collect();
    let expect = [
        ("wasi_snapshot_preview1", "fd_write", Kind::Function),
        ("env", "memory", Kind::Memory),
        ("env", "table", Kind::Table),
        ("env", "g", Kind::Global),
        ("env", "e", Kind::Tag),
    ];
    assert_eq!(imports, expect);
    let exports: Vec<_> = module.exports().iter().map(|it| (&*it.name, it.kind)).collect();
    let expect = [
        ("f", Kind::Function),
        ("m", Kind::Memory),
        ("t", Kind::Table),
        ("g", Kind::Global),
        ("größe", Kind::Tag),
    ];
    assert_eq!(exports, expect);
    assert!(module.has_imports() && !module.has_start());
}

#[test]
fn a_start_function_runs_at_start_or_when_a_script_brings_the_imports() {
    let module = checked(compiled("(module (func $f) (start $f))"), None).expect("valid");
    assert!(module.has_start() && !module.has_imports());
    let both = compiled("(module (import \"a\" \"b\" (func $f)) (start $f))");
    let both = checked(both, None).expect("valid");
    assert!(both.has_start() && both.has_imports());
}

#[test]
fn what_is_wrong_is_told_with_its_offset() {
    let not_wasm =
        "m.wasm is not a WebAssembly binary; text has to be compiled first, with wat2wasm for example";
    for bytes in ["", "(module)", "\0as", "\0ASM\x01\0\0\0", "#!/bin/sh"] {
        check_refused(bytes.as_bytes(), not_wasm);
    }
    let check = |bytes: &[u8], expect: &str| {
        check_refused(bytes, &format!("m.wasm is not a valid module: {expect}"));
    };
    check(b"\0asm", "unexpected end-of-file (at offset 0x4)");
    check(b"\0asm\x02\0\0\0", "unknown binary version:        0x2 (at offset 0x4)");
    check(b"\0asm\x01\0\0\0\x0f", "unexpected end-of-file (at offset 0x9)");
    let text = "(module (func (export \"f\") (result i32) (i32.const 1)))";
    let mut mistyped = compiled(text);
    let at = mistyped.windows(2).position(|it| it == [0x41, 1]).expect("i32.const 1");
    mistyped[at] = 0x42;
    check(&mistyped, &format!("type mismatch: expected i32, found i64 (at offset {:#x})", at + 2));
    let component = wat::parse_str("(component)").expect("a component");
    let error = checked(component, None).expect_err("it is no module").to_string();
    assert!(error.contains("(at offset 0x"), "{error}");
}

#[test]
fn files() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let refused = |path: PathBuf, expect: fn(&ModuleError) -> bool| {
        let source = ModuleSource { name: "m".parse().expect("a name"), path, memory_limit: None };
        let error = WasmModule::load(source).expect_err("it is no module");
        assert!(expect(&error) && error.to_string().contains('/'), "{error}");
    };
    let write = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, content).expect("ours to write");
        path
    };
    refused(folder.path().join("absent"), |it| matches!(it, ModuleError::Read { .. }));
    refused(folder.path().to_owned(), |it| matches!(it, ModuleError::NotAFile(_)));
    refused("/dev/zero".into(), |it| matches!(it, ModuleError::NotAFile(_)));
    refused(write("text.wat", b"(module)"), |it| matches!(it, ModuleError::NotWasm(_)));
    refused(write("empty", b""), |it| matches!(it, ModuleError::NotWasm(_)));
    let large = write("large", b"\0asm");
    let opened = File::options().write(true).open(&large).expect("ours to write");
    opened.set_len(MAX_MODULE_BYTES + 1).expect("a file with a hole");
    refused(large, |it| matches!(it, ModuleError::TooLarge(_)));
    opened.set_len(MAX_MODULE_BYTES).expect("a shorter file with a hole");
    refused(folder.path().join("large"), |it| matches!(it, ModuleError::Invalid { .. }));
}

/// Something of everything, for what follows to break.
const RICH: &str = r#"(module $rich
    (type $s (struct (field i32))) (type $f (func (param i32) (result i32)))
    (table 2 funcref) (memory $a 1 9) (memory $b i64 2) (tag (param i32)) (global (mut i32) (i32.const 7))
    (func $double (export "double") (type $f) (i32.add (local.get 0) (i32.load $a (i32.const 4))))
    (func (export "grow") (result i32) (memory.grow $a (i32.const 1)))
    (func $start (memory.init $a 1 (i32.const 0) (i32.const 0) (i32.const 2)))
    (elem (i32.const 0) $double) (start $start)
    (data (memory $a) (i32.const 1) "abc") (data "passive")
    (@custom "about" "kept"))"#;

proptest! {
    #[test]
    fn random_bytes_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _either = checked([b"\0asm\x01\0\0\0", &bytes[..]].concat(), MemoryLimit::from_megabytes(1).ok());
        let _either = checked(bytes, None);
    }

    #[test]
    fn what_is_accepted_stays_valid_and_keeps_its_interface(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in proptest::option::weighted(0.1, any::<prop::sample::Index>()),
        megabytes in 1_u64..3,
    ) {
        let mut bytes = compiled(RICH);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let limit = MemoryLimit::from_megabytes(megabytes).ok();
        if let Ok(module) = checked(bytes.clone(), limit) {
            let again = checked(module.bytes().to_vec(), limit).expect("it was accepted");
            prop_assert_eq!(&module, &again);
            let unbounded = checked(bytes.clone(), None).expect("it was accepted");
            prop_assert_eq!(unbounded.bytes(), &bytes);
            prop_assert_eq!(unbounded.interface, module.interface);
        }
    }

    #[test]
    fn random_texts_of_the_flag_do_no_harm(text in ".{0,40}", name in "[a-z]{1,3}", path in "[a-z:0-9MB=é]{0,12}") {
        let _either = text.parse::<ModuleSource>();
        if let Ok(source) = format!("{name}={path}").parse::<ModuleSource>() {
            prop_assert_eq!(source.name.as_str(), name.as_str());
            prop_assert!(path.starts_with(source.path.to_str().expect("it was text")));
        }
    }
}
