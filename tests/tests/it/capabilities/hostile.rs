//! Scripts that want to do harm with what they can reach: each may only hurt its own run.

use std::fs;

use super::{Scripts, web};
use crate::{
    http::{server::Server, until},
    support,
};

/// What every script may do after another one has done its worst.
const NORMAL: (&str, &str) = ("(await fetch('{web}/text')).status", "200");

fn both(web: &web::Web) -> Scripts {
    let scripts = Scripts::with_files();
    let flags = scripts.flags.clone();
    let scripts = scripts.allow("fetch", super::ALLOW_ALL).flags(&["--fetch-allow-private"]).web(web);
    assert!(scripts.flags.starts_with(&flags));
    scripts
}

#[test]
fn what_is_too_much_is_refused() {
    let web = web::playground();
    let scripts = both(&web).flags(&["--heap-memory-max", "512", "--external-memory-max", "1024"]);
    let told = "(e) => e.message";
    scripts.check(&[
        // Of ten thousand, the first thousand are tried, and of those, so many as may be open at once.
        (&format!("const all = await Promise.all(Array.from({{ length: 10000 }}, () => fetch('{{web}}/text').then((r) => r.text(), {told}))); const ok = all.filter((t) => t === 'héllo').length; [all.length, ok > 0 && ok <= 1000, all.every((t) => t === 'héllo' || /fetches are open|a run may fetch|requests to the host/.test(t))]"), "[10000,true,true]"),
        ("let n = 0; try { for (;;) { await (await fetch('{web}/text')).text(); n++ } } catch (e) { [n, e.message] }", r#"[1000,"fetch failed: a run may fetch 1000 times, and it has done so"]"#),
        ("await fetch('{web}/text', { headers: { x: 'h'.repeat(100000) } })", "!TypeError: fetch failed: the request's headers have more than 65536 bytes"),
        ("await fetch('{web}/text', { headers: { x: 'h'.repeat(1000000) } })", "!TypeError: a request's URL and headers can have 512 KB at most"),
        ("const h = new Headers(); for (let i = 0; i < 4000; i++) h.append('a-long-name-of-a-header-' + i, 'y'); await fetch('{web}/text', { headers: h })", "!TypeError"),
        ("await fetch('{web}/text?' + 'q'.repeat(1000000))", "!TypeError"),
        ("await fetch('{web}/headers/100000')", "!TypeError: fetch failed: "),
        ("await fetch('{web}/loop/0')", "!TypeError: fetch failed: there were more than 20 redirects"),
        ("let n = 0; try { for await (const c of (await fetch('{web}/endless')).body) n += c.length } catch (e) { [n <= 100 << 20, n > 90 << 20, e.message.includes('more than 104857600 bytes')] }", "[true,true,true]"),
        ("await fs.writeFile('{folder}/large', new Uint8Array(100 << 20))", "!Error: EFBIG"),
        ("await fs.writeFile('{folder}/large', 'x'.repeat(100 << 20))", "!Error: EFBIG"),
        ("const all = await Promise.all(Array.from({ length: 20000 }, () => fs.exists('{folder}/x').then(() => 'done', (e) => e.code ?? e.message))); const kinds = [...new Set(all)].sort(); [all.length, kinds.every((k) => k === 'done' || k === 'EDQUOT' || k.includes('requests to the host'))]", "[20000,true]"),
        ("for (const size of [17, 18, 31, 64, 100]) { const large = new Uint8Array(size << 20); for (const write of ['writeFile', 'appendFile']) await fs[write]('{folder}/large', large).catch((e) => { if (e.code !== 'EFBIG') throw e }) } 'refused'", "refused"),
        // What is on its way to the server is in its memory.
        ("const part = new Uint8Array(10 << 20); const all = await Promise.all(Array.from({ length: 20 }, (_, i) => fs.writeFile('{folder}/part' + i, part).then(() => 'done', (e) => e.message))); [all.filter((t) => t === 'done').length, all.filter((t) => t.includes('more than 64 MB')).length]", "[6,14]"),
        NORMAL,
    ]);
    assert!(
        !scripts.path("files/large").exists()
            || fs::metadata(scripts.path("files/large")).is_ok_and(|facts| facts.len() == 0)
    );
}

#[test]
fn memory_and_time_end_what_has_no_other_limit() {
    let web = web::playground();
    let scripts = both(&web);
    for code in [
        "const all = []; for (;;) all.push(fs.exists('{folder}/x').catch(() => {}))",
        "const all = []; for (;;) all.push(fetch('{web}/silent').catch(() => {}))",
        "const all = []; for (;;) all.push(new Response('x'.repeat(1000)), new Headers({ a: 'b' }))",
        "await (await fetch('{web}/gzip/90000000')).text()",
        "const s = new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(1 << 16)) } }); s.tee(); await fetch('{web}/silent', { method: 'POST', body: s, duplex: 'half' })",
        "let r = await fetch('{web}/endless'); const kept = []; for await (const c of r.body) kept.push(c.slice())",
    ] {
        let answer = scripts.cli(code).args(&["--stateless", "--execution-timeout", "5"]).answer();
        let fate = answer.status.as_str();
        assert!(matches!(fate, "failed" | "timed_out"), "{code}: {answer:?}");
        let error = answer.error.unwrap_or_default();
        assert!(!error.contains("crashed"), "{code}: {error}");
        scripts.check(&[NORMAL]);
    }
    until("nothing is open any more", || (web.open() == 0).then_some(()));
}

#[test]
fn changed_built_ins_reach_nothing() {
    let web = web::playground();
    let scripts = both(&web);
    fs::write(scripts.path("files/a"), "content").expect("written");
    let spies = [
        "Promise.prototype.then = function () { seen.push('then'); return this }",
        "Promise.prototype.then = null; Promise.prototype.catch = null",
        "globalThis.Promise = class { constructor() { throw 1 } }",
        "for (const n of Object.getOwnPropertyNames(ReadableStream.prototype)) if (n !== 'constructor') Object.defineProperty(ReadableStream.prototype, n, { get() { seen.push(n); throw 1 }, configurable: true })",
        "for (const n of ['fetch', 'method', 'url', 'headers', 'redirect', 'streamed', 'operation', 'path', 'destination', 'recursive', 'force', 'body', 'get', 'set', 'value', 'done', 'bytes', 'stream', 'encoding', 'next', 'status', '0', '1', 'names', 'facts']) Object.defineProperty(Object.prototype, n, { get() { seen.push([n, this]); return undefined }, set(v) { seen.push([n, v]) }, configurable: true })",
        "for (const n of Object.getOwnPropertyNames(Array.prototype)) if (typeof [][n] === 'function') Array.prototype[n] = function () { seen.push([n, this]); throw 2 }",
        "Array.prototype[Symbol.iterator] = function* () { seen.push(this); yield 'evil' }",
        "for (const n of Object.getOwnPropertyNames(Uint8Array.prototype.__proto__)) try { Object.defineProperty(Uint8Array.prototype.__proto__, n, { get() { seen.push([n, this]); throw 3 }, configurable: true }) } catch {}",
        "for (const n of ['toString', 'toLowerCase', 'startsWith', 'slice', 'split', 'replace']) String.prototype[n] = function () { seen.push(String(this)); return 'evil' }",
        "Request.prototype.clone = null; Headers.prototype[Symbol.iterator] = null; for (const n of ['signal', 'method', 'url', 'headers', 'body']) Object.defineProperty(Request.prototype, n, { get() { seen.push([n, this]); return 'evil' } })",
        "Function.prototype.call = Function.prototype.apply = Function.prototype.bind = function () { seen.push(this); return () => 'evil' }",
        "Object.prototype.then = function (ok) { seen.push(['thenable', this]); ok('evil') }",
        "Object.defineProperty(Object.prototype, 'constructor', { get() { seen.push(this); return Object } })",
        "Error.prepareStackTrace = (e, frames) => { for (const f of frames) seen.push(f.getThis?.(), f.getFunction?.()); return '' }; Error.stackTraceLimit = 1000",
        "globalThis.AbortSignal = globalThis.Request = globalThis.Response = globalThis.Headers = globalThis.TypeError = globalThis.Error = undefined",
        "Reflect.apply = Reflect.get = Object.defineProperty = JSON.stringify = () => { throw 4 }",
        "Symbol.prototype[Symbol.toPrimitive] = () => 'evil'; Map.prototype.get = Map.prototype.set = WeakMap.prototype.get = () => 'evil'",
    ];
    let reach = "globalThis.seen = []; const show = JSON.stringify; const names = Object.getOwnPropertyNames; const P = Promise, then = Promise.prototype.then; const has = (v) => { try { return v !== null && (typeof v === 'object' || typeof v === 'function') && names(v).some((n) => /^op_|^ops$|^core$|primordials|__bootstrap/.test(n)) } catch { return false } };";
    let uses = "const swallow = async (f) => { try { await f() } catch {} }; \
        await swallow(async () => { const r = await fetch('{web}/echo', { method: 'POST', body: 'b', headers: { a: 'b' } }); await r.json() }); \
        await swallow(async () => { const b = (await fetch('{web}/bytes/100000')).body; for await (const c of b); }); \
        await swallow(async () => { await fetch('{web}/length', { method: 'POST', duplex: 'half', body: new ReadableStream({ start(c) { c.enqueue(new Uint8Array(3)); c.close() } }) }) }); \
        await swallow(() => fetch('{web}/nothing')); await swallow(() => fs.readFile('{folder}/a')); await swallow(() => fs.writeFile('{folder}/b', 'x')); await swallow(() => fs.readFile('/etc/passwd')); await swallow(() => fs.mkdir('{folder}/d', { recursive: true })); await swallow(() => import('node:fs'));";
    let found = "let reached = false; const stack = [seen]; let budget = 5000; for (let i = 0; i < stack.length && budget-- > 0; i++) { const v = stack[i]; if (has(v)) reached = true; if (v !== null && typeof v === 'object') for (const k of names(v)) { try { stack[stack.length] = v[k] } catch {} } }; reached ? 'REACHED' : 'nothing'";
    let mut complaints = Vec::new();
    for spy in spies {
        let answer = scripts
            .cli(&format!("{reach} {spy}; {uses} {found}"))
            .args(&["--stateless", "--execution-timeout", "10"])
            .answer();
        let error = answer.error.as_deref().unwrap_or_default();
        let broken = answer.result.as_deref() == Some("REACHED")
            || error.contains("crashed")
            || answer.code == Some(70);
        complaints.extend(broken.then(|| format!("{spy}: {answer:?}")));
    }
    complaints.extend(scripts.complaint(NORMAL.0, NORMAL.1));
    support::assert_none(&complaints);
    assert_eq!(fs::read_to_string(scripts.path("files/a")).expect("it is there"), "content");
}

#[test]
fn the_machinery_is_out_of_reach() {
    let web = web::playground();
    let mut scripts = both(&web);
    scripts.check(&[
        ("fetch.constructor('return typeof Deno + typeof __bootstrap + typeof core')()", "undefinedundefinedundefined"),
        ("fs.readFile.constructor('return typeof __bootstrap')().then((t) => t)", "undefined"),
        ("[fetch.caller, fetch.arguments].length", "!TypeError"),
        ("/import|Deno|core/.test(fetch.toString())", "false"),
        ("Object.getOwnPropertyNames(fs).sort().join()", "appendFile,copyFile,exists,mkdir,readFile,readdir,rename,rm,stat,writeFile"),
        ("const r = await fetch('{web}/text'); Reflect.ownKeys(r).map(String).concat(Reflect.ownKeys(r.body).map(String)).filter((n) => /rid|number|op_/i.test(n))", "[]"),
        // Deno's streams keep under a symbol what they are made of: whatever is put there, nothing is behind it.
        ("const out = new Set(); for (let rid = 0; rid < 50; rid++) { const r = new Response('abc'); const symbol = Reflect.ownKeys(r.body).find((k) => String(k).includes('resourceBacking')); r.body[symbol] = { rid, autoClose: true }; try { out.add(await r.text()) } catch (e) { out.add(e.name) } } [...out]", r#"["BadResource"]"#),
        ("try { await fetch('{web}/nothing') } catch (e) { /ext:|core|op_/.test(e.stack) }", "false"),
        ("try { await fs.readFile('/etc/passwd') } catch (e) { /ext:|core|op_/.test(e.stack) }", "false"),
        ("await import('ext:core/ops')", "!TypeError"),
        ("await import('ext:stasis/fetch.js')", "!TypeError"),
        ("await import('ext:deno_fetch/26_fetch.js')", "!TypeError"),
        ("const e = await fetch('{web}/nothing').catch((e) => e); Object.getOwnPropertyNames(e).sort().join()", "message,stack"),
        ("class R extends Response { constructor() { super('x'); this.n = Reflect.ownKeys(this).length } } typeof new R().n", "number"),
        ("Response.prototype.text.call({ body: { streamOrStatic: 1 } })", "!TypeError"),
        ("structuredClone(await fetch('{web}/text'))", "!DataCloneError"),
    ]);
    scripts.then("Object.freeze(globalThis); 'frozen'", "frozen");
    scripts.then("typeof fetch + typeof fs", "functionobject");
    scripts.without_capabilities();
    let answer = scripts.cell("try { await fetch('{web}/text'); 'fetched' } catch (e) { 'not' }");
    assert_ne!(
        answer.result.as_deref(),
        Some("fetched"),
        "a frozen global object keeps no power: {answer:?}"
    );
    scripts.then("'goes on'", "goes on");
}

#[test]
fn sealed_global_objects_do_not_stop_runs() {
    let web = web::playground();
    for code in [
        "Object.freeze(globalThis)",
        "Object.seal(globalThis)",
        "Object.preventExtensions(globalThis)",
        "Object.defineProperty(globalThis, 'fetch', { get() { throw 1 } })",
        "Object.defineProperty(globalThis, 'fs', { value: 1 })",
        "const fetch = 1; let fs = 2",
        "Object.setPrototypeOf(globalThis, new Proxy({}, { get() { throw 1 }, has() { throw 1 }, set() { throw 1 } }))",
    ] {
        let mut scripts = Scripts::new().web(&web);
        let answer = scripts.cell(&format!("{code}; 1"));
        if answer.heap.is_none() {
            continue;
        }
        scripts.flags = both(&web).flags.clone();
        let policies = both(&web);
        scripts.flags.clone_from(&policies.flags);
        let answer = scripts.cell("40 + 2");
        assert_eq!(answer.result.as_deref(), Some("42"), "{code}: {answer:?}");
        scripts.without_capabilities();
        let answer = scripts.cell("40 + 3");
        assert_eq!(answer.result.as_deref(), Some("43"), "{code}: {answer:?}");
    }
}

#[test]
fn a_server_outlives_all_of_it() {
    let _busy = support::busy();
    let web = web::playground();
    let scripts = both(&web);
    let flags: Vec<&str> = scripts.flags.iter().map(String::as_str).collect();
    let mut server = Server::start(&flags);
    let words = |code: &str| code.replace("{web}", &web.url("")).replace("{folder}", &scripts.files());
    let before = server.memory();
    let ids: Vec<String> = [
        "await Promise.all(Array.from({ length: 10000 }, () => fetch('{web}/text').then((r) => r.text(), () => {}))); 1",
        "for (let i = 0; i < 70; i++) fetch('{web}/endless').catch(() => {}); await new Promise((r) => setTimeout(r, 2000))",
        "let n = 0; for await (const c of (await fetch('{web}/endless')).body) n += c.length",
        "for (;;) await fs.writeFile('{folder}/w', new Uint8Array(10 << 20))",
        "for (;;) { const all = []; for (let i = 0; i < 1000; i++) all.push(fs.stat('{folder}').catch(() => {})); await Promise.all(all) }",
        "for (;;) fetch('{web}/silent').catch(() => {})",
    ]
    .iter()
    .map(|code| server.begin(&words(code)))
    .collect();
    server.assert_serves();
    for id in &ids {
        server.post(&format!("/api/executions/{id}/cancel"), &serde_json::json!({}));
        server.end_of(id);
    }
    until("nothing is open any more", || (web.open() == 0).then_some(()));
    assert!(server.is_alive());
    server.assert_serves();
    let grown = server.memory().saturating_sub(before) >> 10;
    assert!(grown < 400, "it has {grown} MB more");
}
