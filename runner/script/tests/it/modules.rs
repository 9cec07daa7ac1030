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
fn errors() {
    let source = Source { name: "m.ts", text: "\u{feff}export let a: =", language: Language::TypeScript };
    let error = prepare_module(&source).expect_err("is invalid");
    assert_eq!(error.to_string(), "Unexpected token '='\n    at m.ts:1:15");
}
