//! Imports of files below the working folder, or below the script's own.

use std::{fs, os::unix::fs::symlink, path::Path};

use crate::support::{self, Answer, Cli};

/// Files, of which the first is run.
fn run(files: &[(&str, &str)]) -> Answer {
    let (store, folder) = (support::folder(), support::folder());
    write(folder.path(), files);
    Cli::file(&folder.path().join(files[0].0), store.path()).working_folder(folder.path()).answer()
}

fn write(folder: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().expect("in a folder")).expect("folder");
        fs::write(path, text).expect("write");
    }
}

#[track_caller]
fn returns(files: &[(&str, &str)], expect: &str) {
    let answer = run(files);
    assert_eq!(answer.result.as_deref(), Some(expect), "{answer:?}");
}

#[track_caller]
fn throws(files: &[(&str, &str)], parts: &[&str]) {
    let answer = run(files);
    let error = answer.error.as_deref().unwrap_or_default();
    assert!(
        answer.status == "failed" && parts.iter().all(|part| error.contains(part)),
        "{answer:?}, expected {parts:?}"
    );
    assert_eq!(answer.code, Some(1));
}

#[test]
fn files_of_each_kind_can_be_imported() {
    returns(&[("main.ts", "import { a } from './a.ts'; a"), ("a.ts", "export const a: number = 1")], "1");
    returns(&[("main.js", "import a from './a.js'; a"), ("a.js", "export default { x: 2 }")], r#"{"x":2}"#);
    returns(&[("main.js", "import * as all from './a.mjs'; all.b"), ("a.mjs", "export let b = 3")], "3");
    returns(&[("main.ts", "import d from './d.json' with { type: 'json' }; d"), ("d.json", "[4]")], "[4]");
    returns(
        &[("main.js", "(await import('./a.mts')).default"), ("a.mts", "export default 5 as number")],
        "5",
    );
    returns(
        &[("main.js", "import './a.js'; globalThis.side"), ("a.js", "globalThis.side = 'effect'")],
        "effect",
    );
    returns(
        &[
            ("main.js", "import a, { b as c } from './a.js'; [a, c]"),
            ("a.js", "export default 6; export const b = 7"),
        ],
        "[6,7]",
    );
    returns(
        &[
            ("a/main.js", "import x from '../b/x.js'; x"),
            ("b/x.js", "import y from './y.js'; export default y"),
            ("b/y.js", "export default 8"),
        ],
        "8",
    );
    returns(
        &[
            ("main.js", "import v from './v.js'; v"),
            ("v.js", "export default await new Promise((r) => setTimeout(r, 5, 9))"),
        ],
        "9",
    );
    returns(&[("main.js", "import { e } from './e.ts'; e.A"), ("e.ts", "export enum e { A = 10 }")], "10");
    returns(
        &[
            ("main.js", "const [a, b] = await Promise.all([import('./a.js'), import('./a.js')]); a === b"),
            ("a.js", ""),
        ],
        "true",
    );
    returns(
        &[
            ("main.js", "import u from './a.js'; u.endsWith('/a.js')"),
            ("a.js", "export default import.meta.url"),
        ],
        "true",
    );
}

#[test]
fn cycles_are_resolved() {
    returns(
        &[
            ("main.js", "import { even } from './even.js'; even(10)"),
            ("even.js", "import { odd } from './odd.js'; export const even = (n) => n === 0 || odd(n - 1)"),
            ("odd.js", "import { even } from './even.js'; export const odd = (n) => n !== 0 && even(n - 1)"),
        ],
        "true",
    );
    returns(
        &[
            ("main.js", "import * as me from './self.js'; me.v"),
            ("self.js", "import { v as w } from './self.js'; export let v = 1; export const seen = w;"),
        ],
        "1",
    );
    throws(
        &[
            ("main.js", "import './a.js'"),
            ("a.js", "import { b } from './b.js'; export const a = 1;"),
            ("b.js", "import { a } from './a.js'; export const b = a;"),
        ],
        &["ReferenceError: Cannot access 'a' before initialization"],
    );
}

#[test]
fn what_cannot_be_imported_is_named() {
    throws(&[("main.js", "import './absent.js'")], &["Cannot find module", "absent.js"]);
    throws(
        &[("main.js", "import { no } from './a.js'; no"), ("a.js", "export const yes = 1")],
        &["SyntaxError", "'./a.js'", "'no'"],
    );
    throws(
        &[("main.js", "import no from './a.js'; no"), ("a.js", "export const yes = 1")],
        &["SyntaxError", "'default'"],
    );
    throws(&[("main.js", "import './a.js'"), ("a.js", "let x = ;")], &["SyntaxError", "a.js:1:9"]);
    throws(&[("main.js", "import './a.js'"), ("a.js", "throw new Error('inside')")], &["Error: inside"]);
    throws(
        &[("main.js", "import d from './d.json' with { type: 'json' }"), ("d.json", "{")],
        &["TypeError: file://", "d.json is not valid JSON: "],
    );
    throws(
        &[
            ("main.js", "import './a/nested.mjs'"),
            ("a/nested.mjs", "// Other lines.\n  import '../b.ts'"),
            ("b.ts", "enum E { A }\nimport { type T, c } from './absent.js'; c"),
        ],
        &["TypeError: Cannot find module", "absent.js (imported from file://", "b.ts:2:"],
    );
    throws(
        &[("main.js", "import './a.js'"), ("a.js", "import 'bare'")],
        &["\"bare\"", "(imported from file://", "a.js)"],
    );
    throws(
        &[("main.js", "import d from './bad.json' with { type: 'json' }"), ("bad.json", "{\n  \"a\": nul }")],
        &["TypeError: file://", "bad.json is not valid JSON: ", "line 2 column 11"],
    );
    throws(&[("main.js", "import 'bare'")], &["bare"]);
    throws(&[("main.js", "import './a.txt'"), ("a.txt", "text")], &["modules end in"]);
    throws(&[("main.js", "import '../outside.js'")], &["outside.js"]);
    throws(
        &[("main.js", "import 'https://example.com/a.js'")],
        &["external modules are off", "--allow-external-modules"],
    );
    throws(&[("main.js", "await import('./absent.js')")], &["TypeError: Cannot find module", "absent.js"]);
}

#[test]
fn links_do_not_lead_out() {
    let (store, folder) = (support::folder(), support::folder());
    write(
        folder.path(),
        &[("in/main.js", "import s from './link.js'; s"), ("secret.js", "export default 1")],
    );
    symlink(folder.path().join("secret.js"), folder.path().join("in/link.js")).expect("link");
    let run = |working: &Path| {
        Cli::file(&folder.path().join("in/main.js"), store.path()).working_folder(working).answer()
    };
    let refused = run(&folder.path().join("in"));
    assert!(refused.error.is_some_and(|error| error.contains("only files below")));
    assert_eq!(run(folder.path()).result.as_deref(), Some("1"), "below the working folder");
}

#[test]
fn standard_input_imports_nothing() {
    let store = support::folder();
    for (code, part) in [
        ("import './a.js'", "Cannot import \"./a.js\": the script is no file"),
        ("await import('./a.js')", "Cannot import \"./a.js\": the script is no file"),
        ("await import('/a.js')", "Cannot import \"/a.js\": the script is no file"),
        ("await import('file:///etc/hostname.js')", "stdin may not import the file"),
    ] {
        let answer = Cli::script(code, store.path()).answer();
        assert_eq!(answer.status, "failed", "{code}: {answer:?}");
        assert!(answer.error.as_deref().is_some_and(|error| error.contains(part)), "{code}: {answer:?}");
    }
}

#[test]
fn imported_names_stay_for_later_cells() {
    let (store, folder) = (support::folder(), support::folder());
    write(
        folder.path(),
        &[
            ("main.ts", "import { count, up } from './a.ts'; up(); count"),
            ("a.ts", "export let count = 0; export const up = () => ++count"),
        ],
    );
    let (_, heap) = Cli::file(&folder.path().join("main.ts"), store.path()).saved();
    fs::remove_file(folder.path().join("a.ts")).expect("ours");
    let (result, _) = Cli::script("[up(), count]", store.path()).heap(&heap).saved();
    assert_eq!(result, "[2,2]", "without the file");
}

#[test]
fn imported_names_are_live_bindings() {
    let module = "export let count = 0; export const up = () => ++count; export default class { }";
    let check = |cell: &str, expect: &str| returns(&[("main.js", cell), ("a.js", module)], expect);
    check("import { count, up } from './a.js'; up(); count", "1");
    check("'use strict'; import { count, up } from './a.js'; up(); count", "1");
    check("import { count as n, up } from './a.js'; const f = () => n; up(); up(); f()", "2");
    check("import * as a from './a.js'; a.up(); [a.count, a.up()].join()", "1,2");
    check(
        "import A, { up } from './a.js'; [new A() instanceof A, typeof up, typeof A].join()",
        "true,function,function",
    );
    check("import { count } from './a.js'; try { count = 3 } catch (error) { error.name }", "TypeError");
    check("import { up } from './a.js'; let n = 0; for (let i = 0; i < 1e6; i++) n = up(); n", "1000000");
}

#[test]
fn what_was_imported_can_be_declared_anew() {
    let (store, folder) = (support::folder(), support::folder());
    let module = "export let count = 0; export const up = () => ++count";
    let import = "import { count, up } from './a.js'; up(); count";
    write(folder.path(), &[("main.js", import), ("a.js", module)]);
    let main = folder.path().join("main.js");
    let (result, heap) = Cli::file(&main, store.path()).saved();
    assert_eq!(result, "1");
    let check = |cells: &[&str], expect: &str| {
        let mut last = (String::new(), heap.clone());
        for cell in cells {
            last = Cli::script(*cell, store.path()).heap(&last.1).saved();
        }
        assert_eq!(last.0, expect, "{cells:?}");
        last.1
    };
    check(&["count"], "1");
    check(&["up(); up(); count"], "3");
    check(&["let count = 7; up(); count"], "7");
    check(&["function up() { return 'mine' }", "up() + count"], "mine1");
    check(&["(0, eval)('count = 8')", "up(); count"], "8");
    let redeclared = check(&["class up {} typeof up + count"], "function1");
    let (result, _) = Cli::file(&main, store.path()).heap(&redeclared).saved();
    assert_eq!(result, "2", "imported again, the module is the same");
    // A variable stays one, and gets the value of now.
    let (_, heap) = Cli::script("var count = 'a variable'", store.path()).saved();
    let (result, _) = Cli::file(&main, store.path()).heap(&heap).saved();
    assert_eq!(result, "0");
}

#[test]
fn a_syntax_error_in_an_imported_typescript_file_is_one() {
    let files = &[("main.js", "import './a.ts'"), ("a.ts", "1;\ntype A = ;")];
    throws(files, &["SyntaxError: Unexpected token ';'\n    at ", "a.ts:2:10"]);
    let error = run(files).error.unwrap_or_default();
    assert_eq!(error.matches("a.ts").count(), 1, "it says where once: {error}");
    let caught =
        "try { await import('./a.ts') } catch (error) { [error.name, error instanceof SyntaxError] }";
    returns(&[("main.js", caught), ("a.ts", "type A = ;")], r#"["SyntaxError",true]"#);
}

#[test]
fn the_top_level_of_a_module_is_in_the_stack() {
    let files = &[("main.js", "import './a.js'"), ("a.js", "1;\n  throw new Error('inside')")];
    throws(files, &["Error: inside", "a.js:2:9"]);
    let files = &[("main.js", "import './a.ts'"), ("a.ts", "enum E { A }\n  throw new Error('inside')")];
    throws(files, &["Error: inside", "a.ts:2:9"]);
    let caught = "let seen; try { await import('./a.js') } catch (error) { seen = error === thrown } seen";
    returns(&[("main.js", caught), ("a.js", "throw globalThis.thrown = new Error('the same')")], "true");
}

#[test]
fn json_is_imported_as_what_it_is() {
    let files = |code| [("main.js", code), ("d.json", "{}")];
    throws(&files("import d from './d.json'; d"), &["TypeError: ", "d.json is JSON"]);
    throws(&files("await import('./d.json')"), &["TypeError: ", "d.json is JSON"]);
    returns(&files("(await import('./d.json', { with: { type: 'json' } })).default"), "{}");
}
