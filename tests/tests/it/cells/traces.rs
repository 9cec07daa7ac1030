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

/// In the manner of Node.
#[test]
fn what_an_error_holds_is_shown() {
    check(
        "a.js",
        "const root = new Error('root');\nthrow new Error('top', { cause: root })",
        "Error: top\n    at @:2:7 {\n  [cause]: Error: root\n      at @:1:14\n}",
    );
    check(
        "a.ts",
        "const root: Error = new TypeError('root', { cause: 'text' });\nthrow new Error('top', { cause: root })",
        "Error: top\n    at @:2:7 {\n  [cause]: TypeError: root\n      at @:1:21 {\n    [cause]: 'text'\n  }\n}",
    );
    check(
        "a.js",
        "await Promise.any([Promise.reject(new Error('first')), Promise.reject(2)])",
        "AggregateError: All promises were rejected\n{\n  [errors]: [\n    Error: first\n        at @:1:35,\n    2\n  ]\n}",
    );
    check(
        "a.js",
        "class HttpError extends Error { status = 404; name = 'HttpError' }\nthrow new HttpError('absent')",
        "HttpError: absent\n    at @:2:7 {\n  status: 404\n}",
    );
    check(
        "a.js",
        "setTimeout(() => { throw new Error('late', { cause: { code: 5 } }) }); await new Promise(() => {})",
        "Error: late\n    at @:1:26 {\n  [cause]: { code: 5 }\n}",
    );
    check(
        "a.js",
        "const error = new Error('x'); Object.defineProperty(error, 'cause', { get() { for (;;); } }); throw error",
        "Error: x\n    at @:1:15",
    );
}

#[test]
fn what_an_error_holds_has_bounds() {
    let store = support::folder();
    let check = |code: &str| {
        let answer = Cli::script(code, store.path()).answer();
        let error = answer.error.unwrap_or_default();
        assert!(error.starts_with("Error: last\n    at "), "{code}: {error:.200}");
        assert!(error.len() < 300 << 10, "{code}: {} bytes", error.len());
    };
    check(
        "let error = new Error('first'); for (let i = 0; i < 1e4; i++) error = new Error('last', { cause: error }); throw error",
    );
    check("const error = new Error('last'); error.cause = error; throw error");
    check("const error = new Error('last'); for (let i = 0; i < 2e4; i++) error['p' + i] = i; throw error");
    check("throw Object.assign(new Error('last'), { errors: Array(1e5).fill(new Error('x'.repeat(1e4))) })");
    check(
        "throw new Error('last', { cause: new Proxy(new Error('x'), { get() { throw 1 }, has() { throw 2 }, ownKeys() { throw 3 } }) })",
    );
    check(
        "throw Object.assign(new Error('last'), { [Symbol.for('Deno.customInspect')]() { for (;;); }, a: 1 })",
    );
    check(
        "Object.defineProperty(Object.prototype, 'get', { value: 5 }); throw Object.assign(new Error('last'), { a: 1 })",
    );
}

/// However it came to be that nobody caught it.
#[test]
fn what_is_thrown_and_no_error_is_shown_alike() {
    let store = support::folder();
    let later = "await new Promise((resolve) => setTimeout(resolve, 5))";
    let mut complaints = Vec::new();
    for (value, expect) in [
        ("{ status: 500 }", r#"Uncaught {"status":500}"#),
        ("[1, 'x']", r#"Uncaught [1,"x"]"#),
        ("undefined", "Uncaught undefined"),
        ("null", "Uncaught null"),
        ("'text'", "Uncaught text"),
        ("Symbol('s')", "Uncaught Symbol(s)"),
        ("new Map([[1, 2]])", "Uncaught Map(1) { 1 => 2 }"),
        ("new (class Mine { a = 1 })", "Uncaught Mine { a: 1 }"),
    ] {
        for code in [
            format!("throw {value}"),
            format!("await 1; throw {value}"),
            format!("Promise.reject({value}); 5"),
            format!("(async () => {{ throw {value} }})(); {later}"),
            format!("setTimeout(() => {{ throw {value} }}); {later}"),
            format!("queueMicrotask(() => {{ throw {value} }}); {later}"),
            format!("reportError({value})"),
            format!("({{ toJSON() {{ reportError({value}) }} }})"),
        ] {
            let error = Cli::script(code.as_str(), store.path())
                .arg("--stateless")
                .answer()
                .error
                .unwrap_or_default();
            if error.lines().next() != Some(expect) {
                complaints.push(format!("{code}: {error}, expected {expect}"));
            }
        }
    }
    support::assert_none(&complaints);
}

/// What makes an assignment to a constant throw is no function of the script's.
#[test]
fn an_assignment_to_a_constant_is_where_the_stack_begins() {
    const THROWN: &str = "TypeError: Assignment to constant variable.";
    check("a.js", "const c = 1; c = 2", &format!("{THROWN}\n    at @:1:16"));
    check(
        "a.js",
        "const c = 1;\nfunction f() { c++ }\nf()",
        &format!("{THROWN}\n    at f (@:2:17)\n    at @:3:1"),
    );
    check("a.ts", "const c: number = 1; await 1; c += 2", &format!("{THROWN}\n    at @:1:33"));
    check(
        "a.js",
        "class A { set x(v) { null.x } } new A().x = 1",
        "TypeError: Cannot read properties of null (reading 'x')\n    at set x (@:1:27)\n    at @:1:43",
    );
    check(
        "a.js",
        "const c = 1; ({ set x(v) { c = v } }).x = 2",
        &format!("{THROWN}\n    at set x (@:1:30)\n    at @:1:41"),
    );
}

#[test]
fn no_frame_is_at_no_place() {
    let answer = Cli::script("a".to_owned() + &".a".repeat(60_000), support::folder().path()).answer();
    assert_eq!(answer.error.as_deref(), Some("RangeError: Maximum call stack size exceeded"));
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
