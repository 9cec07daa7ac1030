//! Modules from registries and URLs: a registry of the tests' own stands for esm.sh.

use std::{
    fs,
    sync::{Arc, Barrier},
};

use super::{Scripts, web::Web};

const JAVASCRIPT: &str = "application/javascript; charset=utf-8";
const TYPESCRIPT: &str = "application/typescript";

fn registry() -> Web {
    Web::start(|exchange| {
        let host = exchange.asked.header("host").unwrap_or_default().to_owned();
        match exchange.asked.place() {
            "/left@1.0.0" => exchange.redirect("302", "/left@1.0.0/es2022/left.mjs"),
            "/left@1.0.0/es2022/left.mjs" => exchange.say(
                JAVASCRIPT,
                "import { right } from './right.mjs'; export const left = 'left and ' + right; export default () => left;",
            ),
            "/left@1.0.0/es2022/right.mjs" => {
                exchange.say(JAVASCRIPT, "import '/side.js'; export const right = 'right';")
            }
            "/side.js" => exchange.say(JAVASCRIPT, "globalThis.side = 'effect'; export {}"),
            "/@scope/pkg@1/sub" => exchange.say(JAVASCRIPT, "export default 'scoped'"),
            "/jsr/@std/thing@1.0.0" => exchange.say(TYPESCRIPT, "export const thing: string = 'of jsr' as const;"),
            "/typed.ts" => exchange.say(
                "text/plain",
                "export enum Kind { A = 1 }\nexport function name<T>(of: T): T { return of }\nexport interface X {}",
            ),
            "/data.json" => exchange.say("application/json", r#"{"a":[1]}"#),
            "/throws.js" => exchange.say(JAVASCRIPT, "1;\n  throw new Error('inside');"),
            "/function.ts" => exchange.say(TYPESCRIPT, "interface Long { a: number }\nexport const fail = (): never => { throw new Error('later') }"),
            "/syntax.js" => exchange.say(JAVASCRIPT, "export const a = ;"),
            "/counter.js" => exchange.say(JAVASCRIPT, "export let count = 0; export const up = () => ++count; export const self = import.meta.url"),
            "/cycle/a.js" => exchange.say(JAVASCRIPT, "import { b } from './b.js'; export const a = () => 'a' + b();  export const go = () => a()"),
            "/cycle/b.js" => exchange.say(JAVASCRIPT, "import { a } from './a.js'; export const b = () => 'b' + (typeof a)"),
            "/page.js" => exchange.say("text/html", "<!doctype html>"),
            "/image.js" => exchange.say("image/png", [137]),
            "/latin.js" => exchange.say(JAVASCRIPT, [b'/', b'/', 0xff]),
            "/to-file.js" => exchange.redirect("302", "file:///etc/passwd"),
            "/imports-file.js" => exchange.say(JAVASCRIPT, "import 'file:///etc/hostname.js'"),
            "/imports-node.js" => exchange.say(JAVASCRIPT, "import 'node:crypto'"),
            "/imports-bare.js" => exchange.say(JAVASCRIPT, "import 'lodash'"),
            "/imports-npm.js" => exchange.say(JAVASCRIPT, "export { left } from 'npm:left@1.0.0'"),
            "/other-host.js" => exchange.say(JAVASCRIPT, format!("export {{ default }} from 'http://{host}/@scope/pkg@1/sub'")),
            "/loop.js" => exchange.redirect("302", "/loop.js"),
            "/await.js" => exchange.say(JAVASCRIPT, "export default await new Promise((r) => setTimeout(r, 5, 'awaited'))"),
            "/fetches.js" => exchange.say(JAVASCRIPT, "export const has = typeof fetch + typeof fs"),
            "/fails.js" => exchange.answer("500 Failed", &[], b"no"),
            "/nothing.js" => Ok(()),
            _ => exchange.answer("404 Not Found", &[("content-type", "text/plain")], b"absent"),
        }
    })
}

#[test]
fn modules_are_off_without_the_flag() {
    let web = registry();
    let off = "!TypeError: Import of npm:left@1.0.0 is not allowed: ";
    Scripts::new().web(&web).check(&[
        ("import { left } from 'npm:left@1.0.0'", off),
        ("await import('npm:left@1.0.0')", off),
        ("await import('{web}/side.js')", "!TypeError: Import of http://"),
        ("await import('jsr:@std/thing@1.0.0')", "!TypeError: Import of jsr:"),
    ]);
    let base = web.url("");
    let private = Scripts::new().web(&web).flags(&["--allow-external-modules", "--module-base-url", &base]);
    private.check(&[("await import('npm:left@1.0.0')", "!TypeError: Cannot import npm:left@1.0.0: ")]);
    assert!(web.asked().is_empty(), "{:?}", web.asked());
}

#[test]
fn modules_come_from_registries_and_urls() {
    let web = registry();
    let url = web.url("/counter.js");
    Scripts::with_modules(&web).check(&[
        ("import { left } from 'npm:left@1.0.0'; [left, side]", r#"["left and right","effect"]"#),
        ("import left from 'npm:left@1.0.0'; left()", "left and right"),
        ("import * as all from 'npm:left@1.0.0'; Object.keys(all)", r#"["default","left"]"#),
        ("(await import('npm:@scope/pkg@1/sub')).default", "scoped"),
        ("import { thing } from 'jsr:@std/thing@1.0.0'; thing", "of jsr"),
        ("import { Kind, name } from '{web}/typed.ts'; [Kind.A, name(2)]", "[1,2]"),
        ("import data from '{web}/data.json' with { type: 'json' }; data", r#"{"a":[1]}"#),
        ("(await import('{web}/data.json', { with: { type: 'json' } })).default", r#"{"a":[1]}"#),
        ("import { left } from '{web}/imports-npm.js'; left", "left and right"),
        ("import other from '{web}/other-host.js'; other", "scoped"),
        ("import v from '{web}/await.js'; v", "awaited"),
        ("import { go } from '{web}/cycle/a.js'; go()", "abfunction"),
        ("import { self } from '{web}/counter.js'; self", &url),
        ("const [a, b] = await Promise.all([import('{web}/counter.js'), import('{web}/counter.js')]); a === b", "true"),
        ("import { has } from '{web}/fetches.js'; has", "undefinedundefined"),
    ]);
}

#[test]
fn what_cannot_be_imported_says_why() {
    let web = registry();
    let base = web.url("");
    let error = |what: &str| format!("!TypeError: Cannot import {what}");
    Scripts::with_modules(&web).check(&[
        (
            "await import('{web}/absent.js')",
            &error(&format!("{base}/absent.js: there is no module at {base}/absent.js")),
        ),
        ("import 'npm:absent'", &error(&format!("npm:absent: there is no module at {base}/absent"))),
        (
            "await import('{web}/fails.js')",
            &error(&format!("{base}/fails.js: {base}/fails.js answered with status 500")),
        ),
        ("await import('{web}/nothing.js')", &error(&format!("{base}/nothing.js: "))),
        ("await import('{web}/page.js')", &error(&format!("{base}/page.js: {base}/page.js is a web page"))),
        ("await import('{web}/image.js')", &error(&format!("{base}/image.js: {base}/image.js is image/png"))),
        ("await import('{web}/latin.js')", &error(&format!("{base}/latin.js: {base}/latin.js is not UTF-8"))),
        ("await import('{web}/to-file.js')", &error(&format!("{base}/to-file.js: "))),
        ("await import('{web}/loop.js')", &error(&format!("{base}/loop.js: there were more than"))),
        ("await import('{web}/data.json')", &format!("!TypeError: {base}/data.json is JSON")),
        ("await import('{web}/imports-file.js')", "!TypeError: "),
        ("await import('{web}/imports-node.js')", &error("node:crypto: node:crypto is a Node built-in")),
        (
            "import 'node:crypto'",
            &error("node:crypto: node:crypto is a Node built-in, which is not here: use Web Crypto"),
        ),
        ("import 'lodash'", &error("\"lodash\": name where it comes from: \"npm:lodash\"")),
        ("await import('{web}/imports-bare.js')", &error("\"lodash\"")),
        ("await import('data:text/javascript,1')", &error("data:text/javascript,1")),
        ("await import('file:///etc/passwd')", "!TypeError"),
        ("await import('blob:x')", "!TypeError"),
        ("await import('npm:')", "!TypeError"),
        ("await import('npm:../x')", "!TypeError"),
        ("await import('jsr:x')", "!TypeError"),
        ("await import('http://u:p@127.0.0.1/x.js')", "!TypeError"),
        ("import { no } from 'npm:left@1.0.0'", "!SyntaxError"),
        ("await import('{web}/syntax.js')", "!SyntaxError"),
    ]);
    assert!(web.asked().iter().all(|asked| !asked.path.contains("passwd")), "{:?}", web.asked());
}

#[test]
fn stacks_name_the_url() {
    let web = registry();
    let scripts = Scripts::with_modules(&web);
    let check = |code: &str, place: &str| {
        let error = scripts.run(code).error.unwrap_or_default();
        assert!(error.contains(&web.url(place)), "{code}: {error}");
    };
    check("import '{web}/throws.js'", "/throws.js:2:9");
    check("await import('{web}/throws.js')", "/throws.js:2:9");
    check("import { fail } from '{web}/function.ts'; fail()", "/function.ts:2:");
    check("await import('{web}/syntax.js')", "/syntax.js:1:");
}

#[test]
fn the_policy_is_asked_for_each_url() {
    let web = registry();
    let policy = format!(
        "package mcp.modules\n\ndefault allow := false\n\nallow if input.url in {{\"{0}/left@1.0.0\", \"{0}/left@1.0.0/es2022/left.mjs\", \"{0}/side.js\"}}\n",
        web.url("")
    );
    let scripts = Scripts::with_modules(&web).allow("modules", &policy);
    let base = web.url("");
    let message = |code: &str| {
        let code = format!("try {{ {code}; 'allowed' }} catch (e) {{ e.message }}");
        scripts.run(&code).result.unwrap_or_default()
    };
    assert_eq!(message("await import('{web}/side.js')"), "allowed");
    let denied = |path: &str| format!("import denied by policy: {base}{path} is not allowed");
    assert_eq!(message("await import('{web}/typed.ts')"), denied("/typed.ts"));
    let importer = format!(" (imported from {base}/left@1.0.0/es2022/left.mjs:1:23)");
    assert_eq!(message("await import('npm:left@1.0.0')"), denied("/left@1.0.0/es2022/right.mjs") + &importer);
    assert_eq!(message("await import('npm:@scope/pkg@1/sub')"), denied("/@scope/pkg@1/sub"));
    assert_eq!((web.count("/typed.ts"), web.count("/left@1.0.0/es2022/right.mjs")), (0, 0));
}

#[test]
fn sources_are_kept_between_runs() {
    let web = registry();
    let scripts = Scripts::with_modules(&web);
    for _ in 0..3 {
        let answer = scripts.cli("import { left } from 'npm:left@1.0.0'; left").answer();
        assert_eq!(answer.result.as_deref(), Some("left and right"), "{answer:?}");
    }
    assert_eq!(web.asked().len(), 4, "{:?}", web.asked());
}

#[test]
fn what_was_imported_lives_in_the_heap() {
    let web = registry();
    let mut scripts = Scripts::with_modules(&web);
    scripts.then("import { left } from 'npm:left@1.0.0'; import { up } from '{web}/counter.js'; import * as all from '{web}/counter.js'; up(); left", "left and right");
    drop(web);
    scripts.then("[left, up(), all.count]", r#"["left and right",2,2]"#);
    scripts.without_capabilities();
    scripts.then("[left, up(), all.count]", r#"["left and right",3,3]"#);
    scripts.then("import { up as again } from '{web}/counter.js'; again()", "4");
}

#[test]
fn the_modules_of_a_graph_are_loaded_at_once() {
    // Answers only when all of them have been asked for.
    const WIDE: usize = 8;
    let together = Arc::new(Barrier::new(WIDE));
    let web = Web::start(move |exchange| {
        let path = exchange.asked.path.clone();
        if path == "/main.js" {
            let imports: String = (0..WIDE).map(|n| format!("import '/leaf{n}.js';")).collect();
            return exchange.say(JAVASCRIPT, format!("{imports} export default globalThis.leaves"));
        }
        together.wait();
        exchange.say(JAVASCRIPT, "globalThis.leaves = (globalThis.leaves ?? 0) + 1")
    });
    let scripts = Scripts::with_modules(&web);
    scripts.check(&[("import leaves from '{web}/main.js'; leaves", "8")]);
    assert_eq!(web.most_open(), WIDE as u64);
}

#[test]
fn files_may_import_packages_and_packages_no_files() {
    let web = registry();
    let scripts = Scripts::with_modules(&web);
    let main = scripts.path("main.ts");
    fs::write(&main, "import { left } from './local.ts'; left").expect("written");
    fs::write(scripts.path("local.ts"), "export { left } from 'npm:left@1.0.0'").expect("written");
    let run = || crate::support::Cli::file(&main, &scripts.path("heaps")).args(&scripts.flags).answer();
    let answer = run();
    assert_eq!(answer.result.as_deref(), Some("left and right"), "{answer:?}");
    fs::write(scripts.path("local.ts"), format!("import '{}'", web.url("/imports-file.js")))
        .expect("written");
    let error = run().error.unwrap_or_default();
    assert!(error.contains("may not import the file"), "{error}");
}
