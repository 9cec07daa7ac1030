//! Imported modules.

use std::borrow::Cow;

use stasis_script::{Language, Source, prepare_module};

#[test]
fn typescript() {
    let check = |text: &str, expect: &str| {
        let source = Source { name: "m.ts", text, language: Language::TypeScript };
        let module = prepare_module(&source).unwrap_or_else(|error| panic!("{text:?}: {error}"));
        assert_eq!(module.code, expect, "{text:?}");
    };
    check("export const a: number = 1", "export const a         = 1");
    check("import type { A } from 'x'; export let b = 1", ";                           export let b = 1");
    check("import { A, b } from 'x'; b as A", "import {    b } from 'x'; b     ");
    check("import { A } from 'x'; export let b: A", ";                      export let b   ");
    check("import { unused } from 'x'", "import { unused } from 'x'");
    check(
        "export enum E { A }",
        "export var E = /*#__PURE__*/ function(E) {\n    E[E[\"A\"] = 0] = \"A\";\n    return E;\n}({});\n",
    );
    check("await 1; export {}", "await 1; export {}");
    check("export const a = await // b\r\n  c as D", "export const a = await // b\r\n  c     ");
    check(
        "import { type A, type B } from 'x'; export let c: A",
        ";                                   export let c   ",
    );
    check("import { A, b } from 'x'; export type { A }; b", "import {    b } from 'x';                    b");
    check("import { A, b } from 'x'; export { type A, b }", "import {    b } from 'x'; export {         b }");
    check("export class A { override b() {} }", "export class A {          b() {} }");
}

#[test]
fn javascript_is_not_read() {
    let source = Source { name: "m.js", text: "not (a program", language: Language::JavaScript };
    let module = prepare_module(&source).expect("passes through");
    assert!(matches!(module.code, Cow::Borrowed("not (a program")));
    assert_eq!(module.positions.original(3, 4), (3, 4));
}

#[test]
fn positions_of_printed_modules() {
    let text = "// a comment\n\nenum E { A }\nexport function fail(): never {\n  throw new Error('x')\n}";
    let module =
        prepare_module(&Source { name: "m.ts", text, language: Language::TypeScript }).expect("valid");
    let at = module.code.lines().position(|line| line.contains("throw")).expect("is kept") as u32 + 1;
    let column = module.code.lines().find_map(|line| line.find("new Error")).expect("is kept") as u32 + 1;
    assert_eq!(module.positions.original(at, column), (5, 9));
}

#[test]
fn positions_after_an_await_that_ends_its_line() {
    let text = "enum E { A }\nawait // 𝒳\u{2028}\r\n  first();\nawait\n/* é */ second()";
    let module =
        prepare_module(&Source { name: "m.ts", text, language: Language::TypeScript }).expect("valid");
    let check = |word: &str, expect: (u32, u32)| {
        let (line, at) = (1..)
            .zip(module.code.lines())
            .find_map(|(line, text)| Some((line, text.find(word)?)))
            .expect(word);
        assert_eq!(module.positions.original(line, at as u32 + 1), expect, "{word}");
    };
    check("first", (4, 3));
    check("second", (6, 9));
}

#[test]
fn errors() {
    let source = Source { name: "m.ts", text: "\u{feff}export let a: =", language: Language::TypeScript };
    let error = prepare_module(&source).expect_err("is invalid");
    assert_eq!(error.to_string(), "Unexpected token '='\n    at m.ts:1:15");
}
