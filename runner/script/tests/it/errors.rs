//! What is refused, and where the error points.

use stasis_script::{Source, prepare};

#[test]
fn errors() {
    let check = |text: &str, message: &str, (line, column): (u32, u32), source_line: &str| {
        let error = prepare(&Source::cell("cell", text), &|_| false).expect_err(text);
        assert_eq!(error.message, message, "{text:?}");
        assert_eq!((error.line, error.column), (line, column), "{text:?}");
        assert_eq!(error.source_line, source_line, "{text:?}");
        assert_eq!(error.to_string(), format!("{message}\n    at cell:{line}:{column}"));
    };
    check("a\r\n  let 𝒳é = ]\r\nb", "Expression expected", (2, 13), "  let 𝒳é = ]");
    check("\u{feff}]", "Expression expected", (1, 1), "]");
    check("1\u{2028}]", "Expression expected", (2, 1), "]");
    check("let a: number = ;", "Expression expected", (1, 17), "let a: number = ;");
    check("x = @y", "Decorators are not supported", (1, 5), "x = @y");
    check("let a\nclass a {}", "Identifier 'a' has already been declared", (2, 7), "class a {}");
    check("let a: X\nvar b, a: Y", "Identifier 'a' has already been declared", (2, 8), "var b, a: Y");
    check("enum E {}\n\nlet a; let a", "Identifier 'a' has already been declared", (3, 12), "let a; let a");
    check("const a: number;", "'const' declarations must be initialized", (1, 7), "const a: number;");
    check("(await\n f(]))", "Expression expected", (2, 4), " f(]))");
    check("await\nx y", "Expected ';', '}' or <eof>", (2, 3), "x y");
    check(
        "let a\naccessor; class A { accessor b }",
        "'accessor' fields are not supported",
        (2, 21),
        "accessor; class A { accessor b }",
    );
    check(
        "import defer * as a from 'x'",
        "'import defer' is not supported in a cell",
        (1, 1),
        "import defer * as a from 'x'",
    );
}

#[test]
fn what_sloppy_code_may_do() {
    let check = |text: &str| {
        let prepared = prepare(&Source::cell("cell", text), &|_| false);
        assert!(prepared.is_ok(), "{text:?}: {prepared:?}");
    };
    check("with (a) b");
    check("010 + '\\07'");
    check("delete a");
    check("var yield, let, static, implements, package");
    check("arguments = eval = 1");
    check("var await = 1; await + 1");
    check("l: function f() {}");
    check("if (1) function f() {}");
    check("function f(a, a) {}");
    check("await 1; with (a) b");
    check("010; await 1");
    check("<!-- a\n--> b");
    check("let x = 1; { let x = 2 } try {} catch (x) { let y }");
    check("let f; { function f() {} }");
    check("var a; var a; function a() {} function a() {}");
}
