//! Scripts that cannot be read or parsed, and commands that make no sense.

use std::{fs, os::unix::fs::symlink, path::Path};

use super::{
    refused,
    status::{INTERNAL, THREW, USAGE},
};
use crate::support::{self, Cli, Ended, assert_none};

#[test]
fn files_that_are_no_scripts_are_refused() {
    let (store, files) = (support::folder(), support::folder());
    let path = |name: &str| files.path().join(name);
    let check = |name: &str, part: &str| refused(Cli::file(&path(name), store.path()), USAGE, part);
    fs::write(path("binary.js"), [0xff, 0xfe, 0x00]).expect("write");
    fs::write(path("cut.js"), &"'é'".as_bytes()[..2]).expect("write");
    fs::write(path("large.js"), vec![b' '; (16 << 20) + 1]).expect("write");
    fs::create_dir(path("folder.js")).expect("folder");
    symlink("loop.js", path("loop.js")).expect("link");
    symlink("/proc/self/mem", path("unreadable.js")).expect("link");
    check("missing.js", "missing.js: No such file");
    check("missing/a.js", "No such file");
    check("binary.js/a.js", "Not a directory");
    check("binary.js", "binary.js: it is not UTF-8 text");
    check("cut.js", "it is not UTF-8 text");
    check("large.js", "larger than 16 MB");
    check("folder.js", "is a directory");
    check("loop.js", "loop.js: ");
    check("unreadable.js", "Input/output error");
    assert!(!store.path().join(".state").exists(), "a script that cannot be read opens no store");
}

#[test]
fn standard_input_is_read_like_a_file() {
    let store = support::folder();
    refused(Cli::script([b'5', 0xff], store.path()), USAGE, "UTF-8");
    let answer = Cli::script("", store.path()).answer();
    assert_eq!(answer.result.as_deref(), Some("undefined"));
}

#[test]
fn a_script_on_standard_input_that_is_too_large_is_refused() {
    let store = support::folder();
    let code = format!("{}throw new Error('the end')", " ".repeat(16 << 20));
    refused(Cli::script(code, store.path()), USAGE, "larger than 16 MB");
}

#[test]
fn a_pipe_is_as_good_as_a_file() {
    let store = support::folder();
    for file in ["-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"] {
        let check = |code: &str, part: &str| {
            let mut cli = Cli::script(code, store.path());
            cli.replace_argument("-", file);
            let ended = cli.finish();
            assert!([&ended.stdout, &ended.stderr].iter().any(|text| text.contains(part)), "{ended:?}");
        };
        check("let five: number = 5; five", "5\n");
        check(&" ".repeat((16 << 20) + 1), "larger than 16 MB");
        check("import './a.js'", "TypeError: ");
    }
    let unnamed =
        r#"echo 6 >"$2/a.js"; exec <"$2/a.js"; rm "$2/a.js"; "$1" run /dev/stdin --directory-path "$2""#;
    assert_eq!(shell(unnamed, store.path()).stdout, "6\n", "a file whose name is gone");
}

#[test]
fn commands_that_make_no_sense_are_refused_before_anything_is_opened() {
    let store = support::folder();
    let unused = store.path().join("unused");
    let id = "ab".repeat(32);
    let check = |arguments: &[&str], part: &str| refused(Cli::new(arguments).store(&unused), USAGE, part);
    check(&["run"], "<FILE>");
    check(&["run", "-", "-"], "unexpected argument");
    check(&["run", "-", "--heap", "ab"], "64 lower-case hexadecimal digits");
    check(&["run", "-", "--heap", &id.to_uppercase()], "64 lower-case hexadecimal digits");
    check(&["run", "-", "--heap", &format!("{id}0")], "64 lower-case hexadecimal digits");
    check(&["run", "-", "--heap", "../../../etc/passwd"], "64 lower-case hexadecimal digits");
    check(&["run", "-", "--heap", &"é".repeat(32)], "64 lower-case hexadecimal digits");
    check(&["run", "-", "--heap", ""], "value");
    check(&["run", "-", "--heap", &id, "--stateless"], "cannot be used with");
    check(&["run", "-", "--execution-timeout", "0"], "0 is not in 1..=300");
    check(&["run", "-", "--execution-timeout", "301"], "301 is not in 1..=300");
    check(&["run", "-", "--heap-memory-max", "99999999999999999999"], "--heap-memory-max");
    check(&["run", "-", "--external-memory-max", "-5"], "unexpected argument '-5'");
    check(&["run", "-", "--no-such-flag"], "unexpected argument");
    check(&["heap", "show", "x"], "64 lower-case hexadecimal digits");
    assert!(!unused.exists());
}

#[test]
fn output_that_cannot_be_written_is_an_error_and_no_panic() {
    let store = support::folder();
    let shell = |line: &str| shell(line, store.path());
    let ended = shell(r#"echo 1 | "$1" run - --directory-path "$2" >/dev/full"#);
    assert_eq!(ended.code, Some(INTERNAL), "{ended:?}");
    assert!(ended.stderr.contains("cannot write output"), "{ended:?}");
    let ended =
        shell(r#"echo 'console.log("x".repeat(1e5)); 1' | "$1" run - --directory-path "$2" | head -c 5"#);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), "xxxxx"), "{ended:?}");
    // Where standard error is closed, Rust opens one that takes everything.
    for (redirected, throwing) in [("2>/dev/full", INTERNAL), ("2>&-", THREW), (">/dev/full 2>&1", INTERNAL)]
    {
        let check = |line: &str, code: i32| {
            let ended = shell(&format!("{line} {redirected}"));
            assert_eq!(ended.code, Some(code), "{line} {redirected}: {ended:?}");
        };
        check(r#"echo 'throw 1' | "$1" run - --directory-path "$2""#, throwing);
        check(r#""$1" run absent.js --directory-path "$2""#, USAGE);
        check(r#"STASIS_LOG=trace "$1" run absent.js --directory-path "$2""#, USAGE);
    }
    let ended = shell(r#""$1" heap ls --directory-path "$2" >/dev/full"#);
    assert_eq!(ended.code, Some(INTERNAL), "{ended:?}");
}

/// Runs a line of shell script, in which `$1` is the binary and `$2` the store.
fn shell(line: &str, store: &Path) -> Ended {
    Cli::new(&["-c", line, "sh"]).arg(support::binary()).arg(store).program(Path::new("/bin/sh")).finish()
}

/// A syntax error names the line and the column of what is wrong, for people and for programs.
#[test]
fn syntax_errors_say_where() {
    let (store, files) = (support::folder(), support::folder());
    let mut complaints = Vec::new();
    let mut check = |name: &str, code: &str, part: &str, at: &str| {
        let path = files.path().join(name);
        fs::write(&path, code).expect("write");
        let answer = Cli::file(&path, store.path()).answer();
        let error = answer.error.unwrap_or_default();
        let place = format!("{name}:{at}");
        let line = error.lines().nth(1).unwrap_or_default();
        let says_what = error.starts_with(&format!("SyntaxError: {part}"));
        let says_where = line.starts_with("    at ") && line.ends_with(&place);
        if answer.code != Some(THREW) || !says_what || !says_where {
            complaints.push(format!("{code:?}: {error:?}, expected {part:?} at {place}"));
        }
    };
    check("a.js", "let x = ;", "", "1:9");
    check("a.js", "1;\n  let x = ;\n", "", "2:11");
    check("a.js", "1;\r\n\r\n  @;", "", "3:3");
    check("a.js", "'é😀'; )", "", "1:8");
    check("a.js", "let a; let a;", "", "1:12");
    check("a.js", "var a = 'abc", "Unterminated string", "1:9");
    check("a.js", "\u{feff}let = = 5", "", "1:7");
    check("a.js", "return 1", "", "1:1");
    check("a.js", "function f() {\n  await 1;\n}", "", "2:3");
    check("a.js", "/(/", "Invalid regular expression", "1:1");
    check("a.js", "x = {\n  a: 1\n  b: 2\n}", "", "3:3");
    check("b.ts", "type A = ;", "", "1:10");
    check("b.ts", "interface A { a: number }\nlet b: A = {;", "", "2:13");
    check("b.ts", "let x: number = 5;\nlet y: string == 'a';", "", "2:15");
    check("b.ts", "const a = <T>(x: T => x;", "", "1:24");
    check("b.ts", "enum E { A = }", "", "1:14");
    assert_none(&complaints);
}
