//! Files: every operation as it is documented, and what a policy says to each.

use std::{fs, os::unix::fs::symlink};

use super::{ALLOW_ALL, Scripts};

#[test]
fn there_is_no_fs_without_a_policy() {
    let off = &[
        ("typeof fs", "undefined"),
        ("fs.readFile('/etc/hostname')", "!ReferenceError: fs is not defined"),
        ("await import('node:fs/promises').then((m) => m.readFile('/etc/hostname'))", "!TypeError"),
        ("(await import('node:fs')).promises.readFile('/etc/hostname')", "!TypeError"),
    ];
    Scripts::new().check(off);
    Scripts::new().allow("fetch", ALLOW_ALL).check(off);
}

#[test]
fn the_documented_examples_work() {
    let mut scripts = Scripts::with_files();
    fs::write(scripts.path("files/data.txt"), "content").expect("written");
    fs::write(scripts.path("files/data.bin"), [0, 159, 255]).expect("written");
    fs::write(scripts.path("files/image.png"), [137, 80, 78, 71]).expect("written");
    for (code, expect) in [
        (r#"const data = await fs.readFile("{folder}/data.txt"); data"#, "content"),
        (
            r#"{ const data = await fs.readFile("{folder}/data.bin", "buffer"); [data instanceof Uint8Array, data.join()] }"#,
            r#"[true,"0,159,255"]"#,
        ),
        (r#"await fs.writeFile("{folder}/out.txt", "hello");"#, "undefined"),
        (
            r#"var uint8array = new Uint8Array([1, 2]); await fs.writeFile("{folder}/out.bin", uint8array); [...await fs.readFile("{folder}/out.bin", "buffer")]"#,
            "[1,2]",
        ),
        (
            r#"await fs.appendFile("{folder}/out.txt", " world"); await fs.readFile("{folder}/out.txt")"#,
            "hello world",
        ),
        (
            r#"const entries = await fs.readdir("{folder}"); entries.sort()"#,
            r#"["data.bin","data.txt","image.png","out.bin","out.txt"]"#,
        ),
        (
            r#"const info = await fs.stat("{folder}/data.txt"); [info.size, info.isFile, info.isDirectory, info.mtime instanceof Date]"#,
            "[7,true,false,true]",
        ),
        (
            r#"await fs.mkdir("{folder}/newdir", { recursive: true }); (await fs.stat("{folder}/newdir")).isDirectory"#,
            "true",
        ),
        (r#"await fs.rm("{folder}/data.txt"); await fs.exists("{folder}/data.txt")"#, "false"),
        (
            r#"await fs.writeFile("{folder}/newdir/in", ""); await fs.rm("{folder}/newdir", { recursive: true }); await fs.exists("{folder}/newdir")"#,
            "false",
        ),
        (
            r#"await fs.rename("{folder}/out.txt", "{folder}/new.txt"); await fs.readFile("{folder}/new.txt")"#,
            "hello world",
        ),
        (
            r#"await fs.copyFile("{folder}/new.txt", "{folder}/b.txt"); await fs.readFile("{folder}/b.txt")"#,
            "hello world",
        ),
        (r#"const bool = await fs.exists("{folder}/b.txt"); bool"#, "true"),
        // As the seed's section 3 has them, one after the other.
        (
            r#"await fs.writeFile("{folder}/output.txt", "Hello, World!"); const content = await fs.readFile("{folder}/output.txt"); console.log(content); const exists = await fs.exists("{folder}/output.txt"); console.log(exists); const stats = await fs.stat("{folder}/output.txt"); console.log(stats.size); stats.size"#,
            "13",
        ),
        (r#"const files = await fs.readdir("{folder}"); files.includes("output.txt")"#, "true"),
        (
            r#"await fs.mkdir("{folder}/mydir", { recursive: true }); await fs.copyFile("{folder}/output.txt", "{folder}/backup.txt"); await fs.rename("{folder}/backup.txt", "{folder}/backup_old.txt"); await fs.rm("{folder}/backup_old.txt"); await fs.rm("{folder}/mydir", { recursive: true });"#,
            "undefined",
        ),
        (
            r#"const buffer = await fs.readFile("{folder}/image.png", "buffer"); buffer.join()"#,
            "137,80,78,71",
        ),
        (
            r#"const newBuffer = new Uint8Array([72, 101, 108, 108, 111]); await fs.writeFile("{folder}/binary.bin", newBuffer); await fs.readFile("{folder}/binary.bin")"#,
            "Hello",
        ),
    ] {
        scripts.then(code, expect);
    }
    assert_eq!(fs::read_to_string(scripts.path("files/new.txt")).expect("it was made"), "hello world");
}

#[test]
fn code_for_node_finds_its_modules() {
    Scripts::with_files().check(&[
        ("import { readFile, writeFile } from 'node:fs/promises'; await writeFile('{folder}/a', 'x'); await readFile('{folder}/a', 'utf8')", "x"),
        ("import fs from 'node:fs/promises'; const s = await fs.stat('{folder}'); [s.isDirectory(), s.isFile()]", "[true,false]"),
        ("import { promises } from 'node:fs'; await promises.access('{folder}')", "undefined"),
        ("import fs from 'node:fs'; await fs.promises.unlink('{folder}/a')", "undefined"),
        ("const { readdir } = await import('node:fs/promises'); await readdir('{folder}')", "[]"),
        ("import { readFile } from 'node:fs/promises'; await readFile('{folder}/no')", "!Error: ENOENT"),
        ("import { readFileSync } from 'node:fs'", "!SyntaxError"),
        ("import { readFile } from 'fs/promises'", "!TypeError: Cannot import \"fs/promises\""),
        ("import 'node:crypto'", "!TypeError"),
    ]);
}

#[test]
fn errors_have_codes() {
    let scripts = Scripts::with_files();
    fs::write(scripts.path("files/file"), "x").expect("written");
    fs::create_dir(scripts.path("files/full")).expect("made");
    fs::write(scripts.path("files/full/in"), "x").expect("written");
    let files = scripts.files();
    let check = |code: &str, expect: &str| {
        let code = format!(
            "try {{ await {code}; 'done' }} catch (e) {{ `${{e.code}} ${{e.name}}: ${{e.message}}` }}"
        );
        let answer = scripts.run(&code);
        assert_eq!(answer.result.as_deref(), Some(expect), "{code} {answer:?}");
    };
    check(
        "fs.readFile('{folder}/no')",
        &format!("ENOENT Error: ENOENT: no such file or directory, open '{files}/no'"),
    );
    check(
        "fs.readFile('{folder}')",
        &format!("EISDIR Error: EISDIR: illegal operation on a directory, open '{files}'"),
    );
    check(
        "fs.readdir('{folder}/file')",
        &format!("ENOTDIR Error: ENOTDIR: not a directory, scandir '{files}/file'"),
    );
    check(
        "fs.stat('{folder}/no')",
        &format!("ENOENT Error: ENOENT: no such file or directory, stat '{files}/no'"),
    );
    check(
        "fs.mkdir('{folder}/full')",
        &format!("EEXIST Error: EEXIST: file already exists, mkdir '{files}/full'"),
    );
    check(
        "fs.rename('{folder}/no', '{folder}/b')",
        &format!("ENOENT Error: ENOENT: no such file or directory, rename '{files}/no' -> '{files}/b'"),
    );
    check(
        "fs.readFile('{folder}/file/x')",
        &format!("ENOTDIR Error: ENOTDIR: not a directory, open '{files}/file/x'"),
    );
    check("fs.rm('{folder}/no', { force: true })", "done");
    let starts = |code: &str, expect: &str| {
        let code =
            format!("try {{ await {code}; 'done' }} catch (e) {{ `${{e.code ?? e.name}} ${{e.message}}` }}");
        let answer = scripts.run(&code);
        assert!(answer.result.as_deref().is_some_and(|told| told.starts_with(expect)), "{code} {answer:?}");
    };
    starts("fs.rm('{folder}/full')", "E");
    starts("fs.readFile('relative')", "EINVAL ");
    starts("fs.readFile('/a\\0b')", "EINVAL ");
    starts("fs.readFile('/' + 'a'.repeat(5000))", "ENAMETOOLONG ");
    starts("fs.readFile('/' + 'a'.repeat(100000))", "ENAMETOOLONG ");
    starts("fs.readFile(5)", "TypeError ");
    starts("fs.readFile('{folder}/file', 'latin1')", "TypeError ");
    starts("fs.writeFile('{folder}/file', 5)", "TypeError ");
    starts("fs.writeFile('{folder}/file')", "TypeError ");
}

#[test]
fn denials_say_what_is_not_allowed() {
    let scripts = Scripts::with_files();
    symlink("/etc", scripts.path("files/link")).expect("made");
    let files = scripts.files();
    let check = |code: &str, expect: &str| {
        let code = format!("try {{ await {code}; 'done' }} catch (e) {{ `${{e.code}} ${{e.message}}` }}");
        let answer = scripts.run(&code);
        assert_eq!(answer.result.as_deref(), Some(expect), "{code} {answer:?}");
    };
    check("fs.readFile('/etc/passwd')", "EACCES fs.readFile denied by policy: /etc/passwd is not allowed");
    check(
        "fs.readFile('{folder}/../x')",
        &format!("EACCES fs.readFile denied by policy: {files}/../x is not allowed"),
    );
    check(
        "fs.readFile('{folder}/link/passwd')",
        &format!("EACCES fs.readFile denied by policy: {files}/link/passwd is not allowed"),
    );
    check(
        "fs.copyFile('/etc/passwd', '{folder}/a')",
        &format!("EACCES fs.copyFile denied by policy: /etc/passwd -> {files}/a is not allowed"),
    );
    check("fs.exists('/etc/passwd')", "EACCES fs.exists denied by policy: /etc/passwd is not allowed");
    let uncaught = scripts.run("await fs.readFile('/etc/passwd')").error.unwrap_or_default();
    assert_eq!(
        uncaught.lines().next(),
        Some("Error: fs.readFile denied by policy: /etc/passwd is not allowed")
    );
}

#[test]
fn what_is_off_limits_stays_so_whatever_the_policy_says() {
    let mut scripts = Scripts::new().allow("filesystem", ALLOW_ALL);
    scripts.then("1", "1");
    let heaps = super::text(&scripts.path("heaps"));
    for path in [
        "/proc/self/environ",
        "/proc/1/cmdline",
        "/sys/kernel",
        "/dev/null",
        &heaps,
        &format!("{heaps}/x.heap"),
    ] {
        let code = format!("try {{ await fs.readFile('{path}'); 'read' }} catch (e) {{ e.code }}");
        assert_eq!(scripts.run(&code).result.as_deref(), Some("EACCES"), "{path}");
    }
}

#[test]
fn all_that_is_written_is_read() {
    let mut scripts = Scripts::with_files().flags(&["--external-memory-max", "256"]);
    scripts.then("const all = Uint8Array.from({ length: 256 }, (_, i) => i); await fs.writeFile('{folder}/all', all); (await fs.readFile('{folder}/all', 'buffer')).every((b, i) => b === i)", "true");
    scripts.then(
        "await fs.writeFile('{folder}/text', 'h\u{e9}\u{20ac}\u{1f600}'); await fs.readFile('{folder}/text')",
        "h\u{e9}\u{20ac}\u{1f600}",
    );
    scripts.then("await fs.writeFile('{folder}/e', ''); [(await fs.readFile('{folder}/e')).length, (await fs.stat('{folder}/e')).size]", "[0,0]");
    scripts.then("await fs.writeFile('{folder}/view', all.subarray(1, 3)); (await fs.readFile('{folder}/view', 'buffer')).join()", "1,2");
    scripts.then("await fs.readFile(new URL('file://{folder}/text'))", "h\u{e9}\u{20ac}\u{1f600}");
    scripts.then("await fs.writeFile('{folder}/n\u{e4}me with space', 'x'); (await fs.readdir('{folder}')).filter((n) => n.startsWith('n'))", "[\"n\u{e4}me with space\"]");
    let large = 15 << 20;
    scripts.then(&format!("const large = new Uint8Array({large}); for (let i = 0; i < large.length; i++) large[i] = i % 251; await fs.writeFile('{{folder}}/large', large); const back = await fs.readFile('{{folder}}/large', 'buffer'); back.length === large.length && back.every((b, i) => b === i % 251)"), "true");
    assert_eq!(fs::read(scripts.path("files/large")).expect("it was made"), super::web::pattern(large));
    scripts.then(
        "var too = new Uint8Array(17 << 20); await fs.writeFile('{folder}/large', too)",
        "!Error: EFBIG",
    );
    scripts.then(
        "await fs.appendFile('{folder}/large', large); (await fs.stat('{folder}/large')).size",
        &(2 * large).to_string(),
    );
    scripts.then("await fs.readFile('{folder}/large')", "!Error: EFBIG");
}

#[test]
fn files_in_many_runs() {
    let mut scripts = Scripts::with_files();
    scripts.then(
        "const log = (line) => fs.appendFile('{folder}/log', line + '\\n'); await log('one')",
        "undefined",
    );
    scripts.then("await log('two'); await fs.readFile('{folder}/log')", "one\ntwo\n");
    // It may be done before the run ends, or not.
    scripts.then("var pending = fs.readFile('{folder}/log'); 'left'", "left");
    scripts.then("'not failed'", "not failed");
    scripts.then(
        "try { await pending } catch (e) { /run ended/.test(e.message) && 'one\\ntwo\\n' }",
        "one\ntwo\n",
    );
    scripts.without_capabilities();
    scripts.then("typeof fs", "undefined");
    scripts.then("await log('three')", "!ReferenceError: fs is not defined");
}

#[test]
fn functions_kept_from_a_run_with_files_reach_nothing_in_one_without() {
    let mut scripts = Scripts::with_files();
    scripts.then("const kept = fs, read = fs.readFile; await fs.writeFile('{folder}/a', 'secret'); 1", "1");
    scripts.then("import * as node from 'node:fs/promises'; await node.readFile('{folder}/a')", "secret");
    scripts.without_capabilities();
    scripts.then("await kept.readFile('{folder}/a')", "!TypeError");
    scripts.then("await read('{folder}/a')", "!TypeError");
    scripts.then("await node.readFile('{folder}/a')", "!TypeError");
}
