//! What a heap keeps of fetches, and what becomes of it in later runs.

use super::{Scripts, web};
use crate::http::{run, server::Server, text};

#[test]
fn fetch_goes_when_its_policy_goes() {
    let web = web::playground();
    let mut scripts = Scripts::with_fetch(&web);
    scripts.then(
        "const get = async (p) => (await fetch('{web}' + p)).text(); const kept = fetch; await get('/text')",
        "héllo",
    );
    let flags = scripts.flags.clone();
    scripts.without_capabilities();
    scripts.then("typeof fetch", "undefined");
    scripts.then("await get('/text')", "!ReferenceError: fetch is not defined");
    scripts.then("await kept('{web}/text')", "!TypeError");
    assert_eq!(web.count("/text"), 1);
    scripts.flags = flags;
    scripts.then("await get('/text')", "héllo");
    scripts.then("[kept === fetch, delete globalThis.fetch]", "[true,true]");
}

#[test]
fn what_a_script_calls_fetch_stays_its_own() {
    let web = web::playground();
    let mut scripts = Scripts::new().web(&web);
    scripts.then("globalThis.fetch = () => 'mine'; fetch()", "mine");
    scripts.flags = Scripts::with_fetch(&web).allow("fetch", super::ALLOW_ALL).flags;
    let policies = Scripts::with_fetch(&web);
    scripts.flags.clone_from(&policies.flags);
    let answer = scripts.cell("typeof fetch");
    assert_eq!(answer.result.as_deref(), Some("function"), "{answer:?}");
    scripts.without_capabilities();
    let answer = scripts.cell("typeof fetch");
    assert!(answer.error.is_none(), "{answer:?}");
}

#[test]
fn a_fetch_that_nobody_awaited_does_not_fail_the_next_run() {
    let web = web::playground();
    let mut scripts = Scripts::with_fetch(&web);
    scripts.then(
        "var old = fetch('{web}/silent'); var text = fetch('{web}/begun').then((r) => r.text()); 'ended'",
        "ended",
    );
    scripts.then("'not failed'", "not failed");
    scripts.then("let told; try { await old } catch (e) { told = [e.name, e.message] } told[0] + (/run ended/.test(told[1]) ? '!' : told[1])", "TypeError!");
    scripts.then("await text", "!TypeError");
    scripts.then("(await (await fetch('{web}/json')).json()).a", "[1,2]");
}

#[test]
fn a_body_that_was_not_read_is_gone() {
    let web = web::playground();
    let mut scripts = Scripts::with_fetch(&web);
    scripts.then("const unread = await fetch('{web}/text'), reading = (await fetch('{web}/bytes/3000000')).body.getReader(); await reading.read(); const read = await fetch('{web}/json'); const copy = read.clone(); await read.text()", r#"{"a":[1,2]}"#);
    scripts
        .then("[unread.status, unread.headers.get('content-length'), unread.bodyUsed]", r#"[200,"6",false]"#);
    scripts.then(
        "var why; try { await unread.text() } catch (e) { why = e } [why.name, /fetch/i.test(why.message)]",
        r#"["TypeError",true]"#,
    );
    scripts.then("await reading.read()", "!TypeError");
    scripts.then("const again = await fetch('{web}/text'); await again.text()", "héllo");
    scripts.then("try { await copy.json() } catch (e) { e.name }", r#"{"a":[1,2]}"#);
}

#[test]
fn numbers_of_fetches_are_not_mistaken_for_older_ones() {
    let web = web::playground();
    let mut scripts = Scripts::with_fetch(&web);
    scripts.then("const first = await fetch('{web}/bytes/3000000'); 1", "1");
    // A new run opens something of its own before the old body is asked for.
    scripts.then(
        "const second = await fetch('{web}/text'); let told; try { told = (await first.bytes()).length } catch (e) { told = e.name } [told, await second.text()]",
        r#"["TypeError","héllo"]"#,
    );
    scripts.then(
        "first.body?.cancel().catch(() => {}); const third = await fetch('{web}/text'); await third.text()",
        "héllo",
    );
}

#[test]
fn controllers_timers_and_streams_live_on() {
    let web = web::playground();
    let mut scripts = Scripts::with_fetch(&web);
    scripts.then("const c = new AbortController(), h = new Headers({ a: '1' }), f = new FormData(), q = new Request('{web}/echo', { method: 'POST', body: 'kept', headers: h }), made = new Response('made'); f.append('x', new Blob(['blob'])); 1", "1");
    scripts.then(
        "[h.get('a'), await f.get('x').text(), await made.text(), (await (await fetch(q)).json()).body]",
        r#"["1","blob","made","kept"]"#,
    );
    scripts.then("c.abort(); await fetch('{web}/text', { signal: c.signal })", "!AbortError");
}

#[test]
fn a_session_fetches_in_each_of_its_runs() {
    let web = web::playground();
    let scripts = Scripts::with_fetch(&web);
    let flags: Vec<&str> = scripts.flags.iter().map(String::as_str).collect();
    let server = Server::start(&flags);
    let check = |code: &str, expect: &str| {
        let mut run = run(&code.replace("{web}", &web.url("")));
        run["session"] = "fetching".into();
        let record = server.run(&run);
        assert_eq!(record["result"].as_str(), Some(expect), "{code} {record}");
    };
    check("const got = []; got.push(await (await fetch('{web}/text')).text()); got.length", "1");
    check("got.push((await (await fetch('{web}/json')).json()).a); got", r#"["héllo",[1,2]]"#);
    check("fetch('{web}/silent'); 'left'", "left");
    check(
        "(await Promise.all([1, 2, 3].map(async (n) => (await fetch('{web}/bytes/' + n)).bytes()))).map((b) => b.length)",
        "[1,2,3]",
    );
    let record = server
        .run(&serde_json::json!({ "code": "await fetch('http://127.0.0.1:1/')", "session": "fetching" }));
    assert_eq!(text(&record, "status"), "failed");
    check("got.length", "2");
}

#[test]
fn answers_that_come_too_late_do_not_cost_the_heap() {
    let mut scripts = Scripts::with_files();
    std::fs::write(scripts.path("files/small"), "small").expect("written");
    std::fs::write(scripts.path("files/large"), vec![7; 15 << 20]).expect("written");
    scripts.then("var busy = (ms) => { const t = Date.now(); while (Date.now() - t < ms); }; 1", "1");
    for code in [
        // Answered while the script is busy in the last turn that it has.
        "await new Promise((r) => setTimeout(r, 1)); fs.stat('{folder}/small'); busy(200); 'ended'",
        "for (let i = 0; i < 200; i++) fs.stat('{folder}/small'); 'ended'",
        // Longer than what the socket takes: it is still being sent when the script ends.
        "await new Promise((r) => setTimeout(r, 1)); fs.readFile('{folder}/large', 'buffer'); busy(200); 'ended'",
    ] {
        scripts.then(code, "ended");
        scripts.then("await fs.readFile('{folder}/small')", "small");
    }
}
