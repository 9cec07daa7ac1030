//! Stack traces show the script's own frames at its own lines and columns.

use std::fs;

use super::Notebook;
use crate::support::{self, Cli};

/// Runs a file; its error must be exactly this, `@` standing for the file's URL.
#[track_caller]
fn check(name: &str, code: &str, expect: &str) {
    let (store, files) = (support::folder(), support::folder());
    let path = files.path().join(name);
    fs::write(&path, code).expect("write");
    let answer = Cli::file(&path, store.path()).answer();
    let url = format!("file://{}", path.canonicalize().expect("path").display());
    let error = answer.error.unwrap_or_default().replace(&url, "@");
    assert_eq!(error, expect, "{code}");
}

#[test]
fn frames_are_the_scripts_own() {
    check("a.js", "throw new Error('x')", "Error: x\n    at @:1:7");
    check("a.js", "\n\n  null.x", "TypeError: Cannot read properties of null (reading 'x')\n    at @:3:8");
    check(
        "a.js",
        "function f() {\n  throw new RangeError('deep')\n}\nf()",
        "RangeError: deep\n    at f (@:2:9)\n    at @:4:1",
    );
    check(
        "a.js",
        "class A {\n  m() { undefinedName }\n}\nnew A().m()",
        "ReferenceError: undefinedName is not defined\n    at A.m (@:2:9)\n    at @:4:9",
    );
    check(
        "a.js",
        "[1].map(() => { throw new Error('cb') })",
        "Error: cb\n    at @:1:23\n    at Array.map (<anonymous>)\n    at @:1:5",
    );
}

#[test]
fn typescript_keeps_its_positions() {
    check(
        "a.ts",
        "interface Long {\n  a: number;\n}\nlet a: Long = { a: 1 }; throw new Error('x' as string)",
        "Error: x\n    at @:4:31",
    );
    check(
        "a.ts",
        "enum E { A }\nnamespace N { export const v = 1 }\nfunction f<T>(x: T): never { throw new Error(String(x)) }\nf<number>(5)",
        "Error: 5\n    at f (@:3:36)\n    at @:4:1",
    );
    check(
        "a.ts",
        "class P { constructor(private x: number, readonly y: string) { throw new Error('ctor') } }\nnew P(1, 'y')",
        "Error: ctor\n    at new P (@:1:70)\n    at @:2:1",
    );
}

#[test]
fn top_level_await_does_not_move_positions() {
    check("a.js", "await null;\nthrow new Error('after')", "Error: after\n    at @:2:7");
    check(
        "a.js",
        "const a = await 1; const b = 2;\n  null.x",
        "TypeError: Cannot read properties of null (reading 'x')\n    at @:2:8",
    );
    check(
        "a.js",
        "async function f() {\n  await null;\n  throw new Error('async');\n}\nawait f()",
        "Error: async\n    at f (@:3:9)\n    at async @:5:1",
    );
}

/// Where the wrapper of a cell is called is no place of the script's.
#[test]
fn a_cell_that_waits_has_no_frames_of_its_wrapper() {
    check("a.js", "throw new Error('before'); await 1", "Error: before\n    at @:1:7");
    check(
        "a.js",
        "(() => { null.x })();\nawait 1 // end",
        "TypeError: Cannot read properties of null (reading 'x')\n    at @:1:15\n    at @:1:19",
    );
    check(
        "a.js",
        "f(); await 1; function f() { throw new Error('moved') }",
        "Error: moved\n    at f (@:1:36)\n    at @:1:1",
    );
    check(
        "a.ts",
        "enum E { A }\nf(); await 1; function f() { throw new Error('printed') }",
        "Error: printed\n    at f (@:2:36)\n    at @:2:1",
    );
    check(
        "a.js",
        "function $result() { throw new Error('mine') }\nawait 1; $result()",
        "Error: mine\n    at $result (@:1:28)\n    at @:2:10",
    );
    check(
        "a.js",
        "Error.prepareStackTrace = (_, frames) => frames.length;\nconst { stack } = new Error(); await 1; throw stack",
        "Uncaught 1",
    );
}

#[test]
fn the_place_of_an_eval_is_the_scripts_own() {
    const THROWN: &str = "TypeError: Cannot read properties of null (reading 'x')";
    let eval = |origin: &str, at: &str, outer: &str| {
        format!("{THROWN}\n    at eval (eval at <anonymous> ({origin}), <anonymous>:{at})\n    at {outer}")
    };
    check("a.js", "eval('null.x')", &eval("@:1:1", "1:6", "@:1:1"));
    check("a.js", "await 1; eval('null.x')", &eval("@", "1:6", "@:1:10"));
    check("a.js", "await 1; new Function('null.x')()", &eval("@", "3:6", "@:1:32"));
}

#[test]
fn functions_of_earlier_cells_keep_their_positions() {
    let mut notebook = Notebook::new();
    notebook.check("\nfunction f(x: number) {\n  throw new Error('from the first') }", "undefined");
    let error = notebook.cell("\n\n f(1)").error;
    assert_eq!(error.as_deref(), Some("Error: from the first\n    at f (stdin:3:9)\n    at stdin:3:2"));
}

#[test]
fn stacks_that_scripts_read_are_the_same() {
    let mut notebook = Notebook::new();
    notebook.check("try { null.x } catch (e) { e.stack.split('\\n')[1] }", "    at stdin:1:12");
    notebook.check(
        "let t: number = 1; try { null!.x } catch (e) { e.stack.split('\\n')[1] }",
        "    at stdin:1:32",
    );
    notebook.check("Error.captureStackTrace({}); const o: any = {}; Error.captureStackTrace(o); o.stack.includes('stdin:1:')", "true");
    notebook.check("new Error('x', { cause: new Error('y') }).cause.message", "y");
}

#[test]
fn an_error_class_of_the_script_keeps_its_name() {
    check(
        "a.js",
        "class MyError extends Error { name = 'MyError' }\nthrow new MyError('mine')",
        "MyError: mine\n    at @:2:7",
    );
    check("a.js", "throw { code: 5 }", "Uncaught {\"code\":5}\n    at @:1:1");
    check("a.js", "throw 'text'", "Uncaught text\n    at @:1:1");
}
