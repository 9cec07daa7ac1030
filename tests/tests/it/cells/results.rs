//! The text of a result: a string as it is, other primitives as `String(v)`, plain objects and arrays as
//! JSON, anything else as Node's `util.inspect` shows it.

use super::check_alone as check;
use crate::support;

#[test]
fn primitives_are_strings_of_themselves() {
    check(&[
        ("", "undefined"),
        ("undefined", "undefined"),
        ("null", "null"),
        ("true", "true"),
        ("5", "5"),
        ("-0", "0"),
        ("0.1 + 0.2", "0.30000000000000004"),
        ("1e21", "1e+21"),
        ("NaN", "NaN"),
        ("-Infinity", "-Infinity"),
        ("10n ** 20n", "100000000000000000000"),
        ("Symbol('s')", "Symbol(s)"),
        ("'text'", "text"),
        ("''", ""),
        ("'a\\nb'", "a\nb"),
        ("'\"quoted\"'", "\"quoted\""),
        ("'é😀'", "é😀"),
    ]);
}

#[test]
fn plain_objects_and_arrays_are_json() {
    check(&[
        ("({})", "{}"),
        ("[]", "[]"),
        ("({ a: 1, b: [true, null, 'x'] })", r#"{"a":1,"b":[true,null,"x"]}"#),
        ("[1, [2, [3, [4]]]]", "[1,[2,[3,[4]]]]"),
        ("[undefined, () => 1, NaN]", "[null,null,null]"),
        ("({ a: undefined, f() {} })", "{}"),
        ("Object.create(null)", "{}"),
        ("({ d: new Date(0) })", r#"{"d":"1970-01-01T00:00:00.000Z"}"#),
        ("({ toJSON: () => ({ mine: 1 }) })", r#"{"mine":1}"#),
        ("({ 'é': '\\u2028' })", "{\"é\":\"\u{2028}\"}"),
        ("[, 1]", "[null,1]"),
        ("Object.freeze([1])", "[1]"),
    ]);
}

#[test]
fn anything_else_is_inspected() {
    check(&[
        ("new Map([[1, { a: 2 }]])", "Map(1) { 1 => { a: 2 } }"),
        ("new Set(['a', 1])", "Set(2) { 'a', 1 }"),
        ("new Date(0)", "1970-01-01T00:00:00.000Z"),
        ("/x/gi", "/x/gi"),
        ("(function named() {})", "[Function: named]"),
        ("(() => {})", "[Function (anonymous)]"),
        ("class A {}; A", "[class A]"),
        ("class P { x = 1 }; new P()", "P { x: 1 }"),
        ("new Uint8Array([1, 2])", "Uint8Array(2) [ 1, 2 ]"),
        ("Object(5)", "[Number: 5]"),
        ("Object('s')", "[String: 's']"),
        ("({ big: 1n })", "{ big: 1n }"),
        ("const c = {}; c.c = c; c", "<ref *1> { c: [Circular *1] }"),
        ("globalThis === this", "true"),
        ("new WeakMap()", "WeakMap { <items unknown> }"),
        ("(async () => {})", "[AsyncFunction (anonymous)]"),
    ]);
}

#[test]
fn an_error_as_a_result_is_shown_with_its_message() {
    let store = support::folder();
    let answer = crate::support::Cli::script("new TypeError('shown')", store.path()).answer();
    assert!(answer.result.is_some_and(|text| text.starts_with("TypeError: shown\n    at ")));
}

#[test]
fn the_result_is_the_last_statements_value() {
    check(&[
        ("1; 2", "2"),
        ("1; let a = 2", "1"),
        ("let a = 2; a", "2"),
        ("if (true) 5; else 6", "5"),
        ("for (let i = 0; i < 3; i++) i", "2"),
        ("try { 7 } finally { 8 }", "7"),
        ("{ 9 }", "9"),
        ("var x = 1", "undefined"),
        ("function f() {}", "undefined"),
        ("5 // comment", "5"),
        ("/* only a comment */", "undefined"),
        ("'use strict'; (function () { return this })()", "undefined"),
        ("1,2,3", "3"),
        ("label: 4", "4"),
        ("do { 3 } while (false)", "3"),
        ("switch (1) { case 1: 'one' }", "one"),
    ]);
}

#[test]
fn promises_are_awaited() {
    check(&[
        ("Promise.resolve(5)", "5"),
        ("await 5", "5"),
        ("const x = await Promise.resolve({ a: 1 }); x", r#"{"a":1}"#),
        ("(async () => 'later')()", "later"),
        ("await new Promise((r) => setTimeout(r, 20, 'timer'))", "timer"),
        ("[await 1, await 2]", "[1,2]"),
        ("[Promise.resolve(1)].length", "1"),
        ("if (await true) { 'yes' }", "yes"),
        ("let s = 0; for await (const x of [1, Promise.resolve(2)]) s += x; s", "3"),
        ("await Promise.all([1, 2].map(async (x) => x * 2))", "[2,4]"),
        ("1; await null", "null"),
    ]);
}

#[test]
fn two_timers_in_turn_are_waited_for() {
    check(&[
        ("const w = () => new Promise((r) => setTimeout(r, 5)); await w(); await w(); 'both'", "both"),
        ("for (let i = 0; i < 5; i++) await new Promise((r) => setTimeout(r, 1)); 'all'", "all"),
    ]);
}

#[test]
fn types_are_erased() {
    check(&[
        ("let x: number = 5; x", "5"),
        ("interface A { a: number } const a: A = { a: 1 }; a", r#"{"a":1}"#),
        ("type T<U> = U extends string ? 1 : 2; const t = 3 as unknown as T<string>; t", "3"),
        ("enum E { A, B = 'b' } [E.A, E.B]", r#"[0,"b"]"#),
        ("namespace N { export const v = 4 } N.v", "4"),
        ("class C { constructor(private y: number) {} get z() { return this.y } } new C(6).z", "6"),
        ("function f<T>(this: unknown, x?: T): asserts x is T {} f.length", "1"),
        ("const o = { a: 1 } satisfies object; o!.a", "1"),
        ("abstract class B { abstract m(): void; static s: string = 's' } B.s", "s"),
        ("declare const nothing: string; typeof nothing", "undefined"),
        ("import type { X } from './absent.ts'; 5", "5"),
        ("let v = <any>7; v", "7"),
        ("function o(a: string): void; function o(a: any) { return a } o('overloaded')", "overloaded"),
    ]);
}
