//! What scripts print, and where it goes.

use crate::support::{self, Cli, assert_none};

#[test]
fn console_text_is_formatted_as_promised() {
    let store = support::folder();
    let mut complaints = Vec::new();
    let mut check = |code: &str, expect: &str| {
        let answer = Cli::script(code, store.path()).arg("--stateless").answer();
        if answer.output != expect || answer.status != "completed" {
            complaints.push(format!("{code}: {:?}, expected {expect:?}", answer.output));
        }
    };
    check("console.log('a', 1, true, null, undefined)", "a 1 true null undefined\n");
    check("console.debug('d'); console.trace('t')", "d\nt\n");
    check("console.info('i')", "[INFO] i\n");
    check("console.warn('w')", "[WARN] w\n");
    check("console.error('e', { a: 1 })", "[ERROR] e {\"a\":1}\n");
    check("console.log()", "\n");
    check("console.log('')", "\n");
    check("console.log({ a: [1, { b: 2 }] }, [3])", "{\"a\":[1,{\"b\":2}]} [3]\n");
    check("console.log('100%', '%s', 5)", "100% %s 5\n");
    check("console.log(new Map([[1, 2]]), /x/, 5n, Symbol('s'))", "Map(1) { 1 => 2 } /x/ 5 Symbol(s)\n");
    check("console.log('two\\nlines')", "two\nlines\n");
    check("console.log('é😀\\u2028')", "é😀\u{2028}\n");
    check("console.log('x'.repeat(3 << 20).length)", "3145728\n");
    check("console.group('g'); console.log('in'); console.groupEnd(); console.log('out')", "g\n  in\nout\n");
    check("const { log } = console; log('detached')", "detached\n");
    check("[1, 2].forEach(console.log)", "1 0 [1,2]\n2 1 [1,2]\n");
    check("console.log(1); console.clear(); console.log(2)", "1\n2\n");
    check("console.group('g'); console.clear(); console.log('out')", "g\nout\n");
    check("console.count(); console.count()", "default: 1\ndefault: 2\n");
    check("console.assert(true, 'no'); console.assert(false, 'yes')", "[ERROR] Assertion failed: yes\n");
    assert_none(&complaints);
}

#[test]
fn console_text_comes_in_order() {
    let store = support::folder();
    let code = "console.log(1); queueMicrotask(() => console.warn(3)); console.error(2);
        setTimeout(() => console.log(5), 10); setTimeout(() => console.info(4)); await new Promise((r) => setTimeout(r, 30));";
    let answer = Cli::script(code, store.path()).answer();
    assert_eq!(answer.output, "1\n[ERROR] 2\n[WARN] 3\n[INFO] 4\n5\n");
    let code = "for (let i = 0; i < 20000; i++) console.log(i)";
    let answer = Cli::script(code, store.path()).answer();
    let expect: String = (0..20000).map(|i| format!("{i}\n")).collect();
    assert!(answer.output == expect, "twenty thousand lines in order");
}

#[test]
fn output_of_a_run_that_failed_is_kept() {
    let store = support::folder();
    let check = |code: &str, status: &str, output: &str| {
        let answer = Cli::script(code, store.path()).args(&["--execution-timeout", "1"]).answer();
        assert_eq!((answer.status.as_str(), answer.output.as_str()), (status, output), "{code}");
    };
    check("console.log('before'); null.x", "failed", "before\n");
    check("console.log('before'); for (;;);", "timed_out", "before\n");
    check("console.log('before'); const a = []; for (;;) a.push({})", "failed", "before\n");
    check("console.log('before'); let x = ;", "failed", "");
}

#[test]
fn for_people_errors_go_to_standard_error() {
    let store = support::folder();
    let code = "console.log('l'); console.info('i'); console.warn('w'); console.error('e'); ({ a: 1 })";
    let ended = Cli::script(code, store.path()).arg("--stateless").finish();
    assert_eq!(ended.stdout, "l\n[INFO] i\n{\"a\":1}\n");
    assert_eq!(ended.stderr, "[WARN] w\n[ERROR] e\n");
    let ended = Cli::script("console.log('l'); throw new Error('x')", store.path()).finish();
    assert_eq!(ended.stdout, "l\n");
    assert_eq!(ended.stderr, "Error: x\n    at stdin:1:25\n");
    let ended = Cli::script("5", store.path()).finish();
    let heap = ended.stderr.strip_prefix("heap ").map(str::trim_end).unwrap_or_default();
    assert!(heap.len() == 64 && heap.bytes().all(|byte| byte.is_ascii_hexdigit()), "{ended:?}");
}
