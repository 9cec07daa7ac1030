//! Hostile scripts that are too large to be kept as files.

use std::{fs, path::Path};

/// Nested as deeply.
const DEEP: usize = 100_000;
const MEGABYTE: usize = 1 << 20;

/// A script: name, what to expect of it, flags, and how to make it.
type Generated = (&'static str, &'static str, &'static str, fn() -> String);

/// The parser has no limit for these, and its stack ends.
const CRASHES: &str = "failed | The script crashed its worker process.";

/// Parsers are recursive: what is nested deeply must end as an error or as a crash of this run.
const SCRIPTS: &[Generated] = &[
    ("nested_parentheses.js", "failed | SyntaxError", "", || nested("(", "1", ")")),
    ("nested_brackets.js", "failed | SyntaxError", "", || nested("[", "", "]")),
    ("nested_braces.js", "failed | SyntaxError", "", || nested("{", "", "}")),
    ("nested_objects.js", "failed | SyntaxError", "", || format!("x = {}", nested("{a:", "1", "}"))),
    ("nested_templates.js", "failed | SyntaxError", "", || nested("`${", "1", "}`")),
    ("nested_calls.js", "failed | SyntaxError", "", || nested("f(", "", ")")),
    ("nested_functions.js", "failed | SyntaxError", "", || nested("()=>{", "", "}")),
    ("nested_classes.js", "failed | SyntaxError", "", || nested("class A { a = ", "1", "}")),
    ("nested_behind_a_regexp.js", CRASHES, "", || format!("/\"/;{}", nested("(", "1", ")"))),
    ("nested_behind_a_template.js", CRASHES, "", || format!("`\"`;{}", nested("(", "1", ")"))),
    ("nested_in_a_comment.js", "completed | 5", "", || format!("/* {} */ 5", "(".repeat(DEEP))),
    ("nested_in_a_string.js", "completed | 5", "", || format!("'{}'; 5", "(".repeat(DEEP))),
    ("unclosed.js", "failed | SyntaxError", "", || "([{".repeat(DEEP)),
    ("ternaries.js", CRASHES, "", || format!("let a = 1; {}1", "a?1:".repeat(DEEP))),
    ("arrows.js", CRASHES, "", || format!("{}1", "a=>".repeat(DEEP))),
    ("prefixes.js", CRASHES, "", || format!("{}1", "!".repeat(DEEP))),
    ("typeofs.js", CRASHES, "", || format!("{}1", "typeof ".repeat(DEEP))),
    ("news.js", CRASHES, "", || format!("{}Object", "new ".repeat(DEEP))),
    ("powers.js", CRASHES, "", || format!("{}1", "1**".repeat(DEEP))),
    ("sums.js", CRASHES, "", || format!("1{}", "+1".repeat(DEEP))),
    ("nullish.js", CRASHES, "", || format!("let x; x{}", "??1".repeat(DEEP))),
    ("assignments.js", CRASHES, "", || format!("let x; x{}", "=x".repeat(DEEP))),
    ("members.js", CRASHES, "", || format!("({{}}){}", ".x".repeat(DEEP))),
    ("optional_members.js", CRASHES, "", || format!("let x; x{}", "?.x".repeat(DEEP))),
    ("call_chain.js", CRASHES, "", || format!("let f = () => f; f{}", "()".repeat(DEEP))),
    ("ifs.js", "failed | RangeError: Maximum call stack size exceeded", "", || {
        format!("{}1", "if(1)".repeat(DEEP))
    }),
    (
        "else_ifs.js",
        "failed/timed_out | RangeError: Maximum call stack size exceeded",
        "--execution-timeout 3",
        || format!("{}1", "if(0)1;else ".repeat(DEEP)),
    ),
    ("labels.js", "completed | undefined", "", || labels(2000)),
    ("awaits.js", CRASHES, "", || format!("{}1", "await ".repeat(DEEP))),
    ("commas.js", "completed | 1", "--heap-memory-max 256", || format!("{}1", "1,".repeat(10 * DEEP))),
    ("type_keyof.ts", CRASHES, "", || format!("type A = {}B", "keyof ".repeat(DEEP))),
    ("type_generics.ts", CRASHES, "", || format!("type A = {}", nested("B<", "C", ">"))),
    ("type_conditional.ts", CRASHES, "", || format!("type A = {}E", "B extends C ? D : ".repeat(DEEP))),
    ("type_arrays.ts", "completed | undefined", "", || format!("let x: A{}", "[]".repeat(DEEP))),
    ("type_functions.ts", CRASHES, "", || format!("let x: {}A", "()=>".repeat(DEEP))),
    ("type_unions.ts", "completed | undefined", "", || format!("let x: A{}", "|A".repeat(DEEP))),
    ("type_as.ts", CRASHES, "", || format!("1{}", " as any".repeat(DEEP))),
    ("type_non_null.ts", CRASHES, "", || format!("let x = 1; x{}", "!".repeat(DEEP))),
    ("type_assertions.ts", CRASHES, "", || format!("{}1", "<any>".repeat(DEEP))),
    ("strings_added.js", CRASHES, "", || format!("''{}", "+'a'".repeat(DEEP))),
    ("long_identifier.js", "completed | 5", "--heap-memory-max 64", || {
        let name = "i".repeat(MEGABYTE);
        format!("var {name} = 5; {name}")
    }),
    ("long_string.js", "completed | 10485760", "--heap-memory-max 256", || {
        format!("'{}'.length", "x".repeat(10 * MEGABYTE))
    }),
    ("long_line_number.js", "failed | :1000003:7", "--heap-memory-max 64", || {
        format!("{}throw new Error('far')", "\n".repeat(10 * DEEP))
    }),
    ("many_variables.js", "completed | 99999", "--heap-memory-max 256", || {
        (0..DEEP).map(|i| format!("var v{i} = {i};\n")).chain(["v99999".to_owned()]).collect()
    }),
    ("many_constants.js", "completed | 9999", "--heap-memory-max 256", || {
        (0..DEEP / 10).map(|i| format!("const c{i} = {i};\n")).chain(["c9999".to_owned()]).collect()
    }),
    ("many_functions.js", "completed | 99999", "--heap-memory-max 512", || {
        (0..DEEP)
            .map(|i| format!("function f{i}() {{ return {i} }}\n"))
            .chain(["f99999()".to_owned()])
            .collect()
    }),
    ("many_errors.js", "failed | SyntaxError", "", || "}) ".repeat(DEEP)),
    ("many_cases.js", "completed | undefined", "--heap-memory-max 256", || {
        let cases: String = (0..DEEP).map(|i| format!("case {i}: break;")).collect();
        format!("switch (5) {{ {cases} }}")
    }),
    ("sixteen_megabytes_of_comment.js", "completed | 5", "", || {
        format!("/*{}*/ 5", "x".repeat(16 * MEGABYTE - 200))
    }),
    (
        "sixteen_megabytes_of_code.js",
        r#"completed/timed_out | [1,"two",{"three":3}]"#,
        "--heap-memory-max 1024",
        || "x = [1, 'two', { three: 3 }];\n".repeat(16 * MEGABYTE / 31),
    ),
    ("sixteen_megabytes_of_noise.js", "failed | SyntaxError", "", || "@\u{e9}#".repeat(4 * MEGABYTE - 100)),
];

/// Writes all of them into a folder.
pub(super) fn write(folder: &Path) {
    for (name, expect, flags, make) in SCRIPTS {
        let text = format!("// expect: {expect}\n// flags: {flags}\n{}", make());
        fs::write(folder.join(name), text).expect("a temporary folder can be written");
    }
}

fn nested(open: &str, middle: &str, close: &str) -> String {
    format!("{}{middle}{}", open.repeat(DEEP), close.repeat(DEEP))
}

fn labels(count: usize) -> String {
    let labels: String = (0..count).map(|i| format!("l{i}:")).collect();
    format!("{labels} for (;;) break l0;")
}
