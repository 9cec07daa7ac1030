//! Flags and files that name modules, right and wrong. What each mistake is called is tested in the crate
//! that finds it; here, that it stops the start.

use super::Modules;

const ADD: &str = "(module (func (export \"add\") (param i32 i32) (result i32)
    (i32.add (local.get 0) (local.get 1))))";

#[test]
fn flags_and_a_file_together() {
    let modules = Modules::new().with("math", ADD, "");
    let path = modules.file("physics.wasm", wat::parse_str(ADD).expect("a module"));
    let config = format!(r#"{{"physics": {path:?}, "small": {{"path": {path:?}, "memory_limit_mb": 1}}}}"#);
    let config = modules.file("wasm.json", config).display().to_string();
    let code = "math.add(10, 5) + physics.add(3, 4) * small.add(1, 1)";
    let answer = modules.cli(code).args(&["--stateless", "--wasm-config", &config]).answer();
    assert_eq!(answer.result.as_deref(), Some("29"), "{answer:?}");
    modules.check_refused(
        &["--wasm-module", &format!("physics={}", path.display()), "--wasm-config", &config],
        "physics",
    );
}

#[test]
fn mistakes_stop_the_start() {
    let modules = Modules::new().with("math", ADD, "");
    let bad = modules.file("bad.wasm", b"\0asm\x01\0\0\0\x01\x01").display().to_string();
    let good = modules.folder.path().join("math.wasm").display().to_string();
    let check = |flag: String, part: &str| modules.check_refused(&["--wasm-module", &flag], part);
    check("other".into(), "NAME=PATH");
    check(format!("math={good}"), "`math` twice");
    check(format!("Math={good}"), "`Math`");
    check(format!("a-b={good}"), "identifier");
    check(format!("other={good}.none"), "math.wasm.none");
    check(format!("other={bad}"), "(at offset 0xa)");
    check(format!("other={good}:0"), "between 1 and 4096 MB");
    let config = modules.file("wasm.json", "{\n \"x\": 1}").display().to_string();
    modules.check_refused(&["--wasm-config", &config], "line 2");
    modules.check_refused(&["--wasm-config", &format!("{config}.none")], "wasm.json.none");
}

/// A module must not take the place of anything that scripts rely on.
#[test]
fn all_globals_of_a_run_are_taken() {
    let modules = Modules::new();
    let list = "const names = new Set();
        for (let it = globalThis; it; it = Object.getPrototypeOf(it)) Object.getOwnPropertyNames(it).forEach((name) => names.add(name));
        for (const name of ['crypto', 'it', 'names', 'list']) names.delete(name);
        [...names].join(' ')";
    let names = modules.stateless(list).result.expect("a list");
    assert!(names.split(' ').count() > 100, "{names}");
    assert!(!names.to_lowercase().contains("warm"), "the engine's own scripts left something: {names}");
    for name in names.split(' ') {
        modules.check_refused(&["--wasm-module", &format!("{name}=none.wasm")], &format!("`{name}`"));
    }
}
