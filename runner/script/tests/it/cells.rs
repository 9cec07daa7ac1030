//! Cells whose text holds characters that `scenarios.txt` cannot, and the facts about cells.

use stasis_script::{Source, prepare};

use crate::prepared;

#[test]
fn code() {
    let check = |text: &str, expect: &str| assert_eq!(prepared(text).code, expect, "{text:?}");
    check("\u{feff}let a", "var a = void 0;");
    check("#!/usr/bin/env stasis\nlet a = 1", "///usr/bin/env stasis\nvar a = 1");
    check(
        "#!/usr/bin/env stasis\r\nawait 1",
        "(async () => { let $result; ///usr/bin/env stasis\r\n$result = (await 1)\nreturn $result;\n})();",
    );
    check(
        "await // é𝒳\u{2028}\r\n\t1",
        "(async () => { let $result; $result = (await // é𝒳\u{2028}\r\n\t1)\nreturn $result;\n})();",
    );
    check("let a\r\nlet b\u{2028}(1)", "var a = void 0;\r\nvar b = void 0;\u{2028}(1)");
    check("type A = {\r\n x: 1\u{2029}}\r\n'é'", ";         \r\n     \u{2029} \r\n'é'");
    check("let café = 1; const ünï = 2", "var café = 1; var   ünï = 2");
    check(
        "import {\r\n  a } from 'x'\r\na",
        "(async () => { let $result; const $bind = (name, get) => { \
         const define = ({}).constructor.defineProperty; const set = (value) => { \
         define(this, name, { value, writable: true, enumerable: true, configurable: true }); }; \
         try { define(this, name, { get, set, enumerable: true, configurable: true }); } \
         catch { this[name] = get(); } }; { const $module = await import('x'); \
         if (!(\"a\" in $module)) throw new SyntaxError(\"The requested module 'x' does not provide an \
         export named 'a'\"); $bind(\"a\", () => $module[\"a\"]); } ;       \r\n              \r\n\
         $result = (a)\nreturn $result;\n})();",
    );
    check(
        "$result; $result$; await 0",
        "(async () => { let $result$$; $result$$ = ($result); $result$$ = ($result$); \
         $result$$ = (await 0)\nreturn $result$$;\n})();",
    );
    check(
        "import 'a\\'\\u{2028}'; import \"b\" with\n{ type:\n 'json' }",
        "(async () => { let $result; await import('a\\'\\u{2028}'); \
         await import(\"b\", { with: { type:  'json' } }); \
         ;                     ;              \n       \n         \nreturn $result;\n})();",
    );
    check(
        "await using lock = get(); lock.name",
        "(async () => { let $result; await using lock = get(); $result = (lock.name)\nreturn $result;\n})();",
    );
}

#[test]
fn many_lines_that_end_in_await() {
    let check = |count: usize, is_fine: bool| {
        let text = "(await\n 1);".repeat(count);
        assert_eq!(prepare(&Source::cell("cell", &text), &|_| false).is_ok(), is_fine, "{count}");
    };
    check(900, true);
    // Each is found by reading the text again, which has to end.
    check(5000, false);
}

#[test]
fn files_of_javascript() {
    let check = |name: &str, text: &str, expect: Result<&str, &str>| {
        let prepared = prepare(&Source::cell(name, text), &|_| false);
        let code = prepared.as_ref().map(|prepared| prepared.code.as_str());
        assert_eq!(code.map_err(|error| error.message.as_str()), expect, "{name}: {text:?}");
    };
    let comparisons = "a < b > (c)";
    check("stdin", comparisons, Ok("a       (c)"));
    check("file:///a/b.ts", comparisons, Ok("a       (c)"));
    check("file:///a/b.js", comparisons, Ok(comparisons));
    check("b.mjs", comparisons, Ok(comparisons));
    check("b.cjs", "let a: number = 1", Ok("var a         = 1"));
    check("b.js", "let a = ;", Err("Expression expected"));
}

#[test]
fn names() {
    let check = |text: &str, is_async: bool, constants: &[&str], declared: &[&str]| {
        let prepared = prepared(text);
        assert_eq!(prepared.is_async, is_async, "{text:?}");
        assert_eq!(prepared.constants, constants, "{text:?}");
        assert_eq!(prepared.declared, declared, "{text:?}");
    };
    check("1", false, &[], &[]);
    check("const {a, b: [c, ...d], ...e} = f", false, &["a", "c", "d", "e"], &[]);
    check("let a; var b, b; function c() { var x } class D {}", false, &[], &["a", "b", "c", "D"]);
    check("if (1) { var a; let x; { function b() {} } } for (var c of []) ;", false, &[], &["a", "b", "c"]);
    check("try { var a } catch (x) { var b } finally { l: var c }", false, &[], &["a", "b", "c"]);
    check("import a, { b as c } from 'x'; import * as d from 'x'", true, &["a", "c", "d"], &[]);
    check("export const a = 1, b = 2; export function c() {}", true, &["a", "b"], &["c"]);
    check("interface A {} type B = 1; enum C { D } declare const e: 1", false, &[], &["C"]);
    check("const f = async () => { await 1 }", false, &["f"], &[]);
    check("class A { static { var x } async m() { for await (const y of z) ; } }", false, &[], &["A"]);
    check("class A { [await 1] = 2 }", true, &[], &["A"]);
    check("using a = b", true, &[], &[]);
    check("const \\u{61}b = 1", false, &["ab"], &[]);
}
