//! Requests and responses, and what goes wrong with them.

use std::thread;

use super::{ALLOW_ALL, Scripts, web, web::Web};
use crate::{
    http::until,
    support::{self, Cli},
};

#[test]
fn there_is_no_fetch_without_a_policy() {
    let scripts = Scripts::new();
    scripts.check(&[
        ("typeof fetch", "undefined"),
        ("fetch('http://127.0.0.1/')", "!ReferenceError: fetch is not defined"),
        ("'fetch' in globalThis", "false"),
        (
            "[typeof Request, typeof Response, typeof Headers, typeof FormData].join()",
            "function,function,function,function",
        ),
    ]);
    let files = Scripts::new().allow("filesystem", ALLOW_ALL);
    files.check(&[("[typeof fetch, typeof fs]", r#"["undefined","object"]"#)]);
}

#[test]
fn requests_arrive_as_they_were_made() {
    let web = web::playground();
    let scripts = Scripts::with_fetch(&web);
    let echo = |init: &str, shown: &str| {
        format!("const r = await (await fetch('{{web}}/echo?q=1#part', {init})).json(); {shown}")
    };
    let complaints: Vec<String> = [
        ("undefined", "[r.method, r.path, r.body]", r#"["GET","/echo?q=1",""]"#),
        ("{ method: 'post', body: 'text' }", "[r.method, r.body, r.headers['content-type'], r.headers['content-length']]", r#"["POST","text","text/plain;charset=UTF-8","4"]"#),
        ("{ method: 'PUT', body: new Uint8Array([104, 105]) }", "[r.body, r.headers['content-type'] ?? null]", r#"["hi",null]"#),
        ("{ method: 'POST', body: new URLSearchParams({ a: 'b c' }) }", "[r.body, r.headers['content-type']]", r#"["a=b+c","application/x-www-form-urlencoded;charset=UTF-8"]"#),
        ("{ method: 'POST', body: new Blob(['blob'], { type: 'x/y' }) }", "[r.body, r.headers['content-type']]", r#"["blob","x/y"]"#),
        ("{ method: 'POST', body: new Uint16Array([0x6968]).buffer }", "r.body", "hi"),
        ("{ method: 'POST', body: (() => { const f = new FormData(); f.append('a', '1'); f.append('f', new File(['x'], 'n.txt')); return f })() }", "[r.body.includes('filename=\"n.txt\"'), r.headers['content-type'].startsWith('multipart/form-data; boundary=')]", "[true,true]"),
        ("{ method: 'DELETE' }", "r.method", "DELETE"),
        ("{ method: 'PROPFIND' }", "r.method", "PROPFIND"),
        ("{ headers: { 'X-A': '1', 'x-b': ' 2 ' } }", "[r.headers['x-a'], r.headers['x-b']]", r#"["1","2"]"#),
        ("{ headers: new Headers([['x-a', '1'], ['x-a', '2']]) }", "r.headers['x-a']", "1, 2"),
        ("{ headers: { 'x-latin': '\\u00e9' } }", "r.headers['x-latin']", "é"),
        ("undefined", "r.headers.host === '{web}'.slice(7)", "true"),
        ("undefined", "Object.keys(r.headers).filter((n) => /cookie|authorization|proxy|stasis/.test(n))", "[]"),
    ]
    .iter()
    .filter_map(|(init, shown, expect)| scripts.complaint(&echo(init, shown), expect))
    .collect();
    support::assert_none(&complaints);
    scripts.check(&[
        ("const r = new Request('{web}/echo', { method: 'POST', body: 'a' }); const c = r.clone(); const [x, y] = await Promise.all([fetch(r), fetch(c)]); [(await x.json()).body, (await y.json()).body, r.bodyUsed]", r#"["a","a",true]"#),
        ("const r = new Request('{web}/echo', { method: 'POST', body: 'a' }); await fetch(r); await fetch(r)", "!TypeError"),
        ("(await (await fetch(new Request('{web}/echo', { headers: { 'x-a': '1' } }), { headers: { 'x-b': '2' } })).json()).headers['x-a'] ?? null", "null"),
        ("(await (await fetch(new URL('{web}/echo?u'))).json()).path", "/echo?u"),
        ("(await (await fetch(URL.createObjectURL(new Blob(['object'])))).text())", "object"),
    ]);
}

#[test]
fn responses_arrive_as_they_were_given() {
    let web = web::playground();
    Scripts::with_fetch(&web).check(&[
        ("const r = await fetch('{web}/text'); [r.ok, r.status, r.statusText, r.url, r.redirected, r.type, r.bodyUsed, r.headers.get('Content-Type'), r.headers.has('x')].join()", &format!("true,200,OK,{}/text,false,basic,false,text/plain; charset=utf-8,false", web.url(""))),
        ("const r = await fetch('{web}/status/404'); [r.ok, r.status, r.statusText, await r.text()].join()", "false,404,Said So,body"),
        ("const r = await fetch('{web}/status/204'); [r.status, r.body, await r.text()]", r#"[204,null,""]"#),
        ("const r = await fetch('{web}/status/304'); [r.status, r.body, await r.text()]", r#"[304,null,""]"#),
        ("const r = await fetch('{web}/text', { method: 'HEAD' }); [r.status, r.headers.get('content-length'), r.body, await r.text()]", r#"[200,"6",null,""]"#),
        ("const r = await fetch('{web}/status/500'); [r.status, r.headers.get('x-is')]", r#"[500,"there"]"#),
        ("[...(await fetch('{web}/json')).headers.keys()].sort()", r#"["connection","content-length","content-type"]"#),
        ("const r = await fetch('{web}/text'); try { r.headers.set('a', 'b') } catch (e) { e.name }", "TypeError"),
        ("[...(await fetch('{web}/cookies')).headers.getSetCookie()]", r#"["a=1","b=2"]"#),
        ("await fetch('{web}/cookies'); (await (await fetch('{web}/echo')).json()).headers.cookie ?? 'off'", "off"),
    ]);
}

#[test]
fn redirects_are_followed_refused_or_shown() {
    let web = web::playground();
    let other = web::playground();
    let scripts = Scripts::with_fetch(&web);
    let to_other = format!(
        "const r = await fetch('{{web}}/redirect/307?{}', {{ method: 'POST', body: 'b', headers: {{ authorization: 'mine', cookie: 'c', 'x-a': '1' }} }}); const j = await r.json(); [j.method, j.body, j.headers.authorization ?? null, j.headers.cookie ?? null, j.headers['x-a'], r.redirected, r.url.endsWith('/echo')]",
        other.url("/echo")
    );
    scripts.check(&[
        ("const r = await fetch('{web}/redirect/302?/text'); [r.redirected, r.url.endsWith('/text'), await r.text()]", r#"[true,true,"héllo"]"#),
        ("const r = await (await fetch('{web}/redirect/303?/echo', { method: 'POST', body: 'b' })).json(); [r.method, r.body, r.headers['content-type'] ?? null]", r#"["GET","",null]"#),
        ("const r = await (await fetch('{web}/redirect/308?/echo', { method: 'POST', body: 'b' })).json(); [r.method, r.body]", r#"["POST","b"]"#),
        ("const r = await fetch('{web}/redirect/302?/text', { redirect: 'manual' }); [r.status, r.headers.get('location'), await r.text()]", r#"[302,"/text","not here"]"#),
        ("await fetch('{web}/redirect/302?/text', { redirect: 'error' })", "!TypeError: fetch failed: the server redirects"),
        ("await fetch('{web}/loop/0')", "!TypeError: fetch failed: there were more than 20 redirects"),
        ("await fetch('{web}/redirect/302?file:///etc/passwd')", "!TypeError: fetch failed: the server redirects to a place that cannot be requested"),
        ("await fetch('{web}/redirect/302?http://u:p@[')", "!TypeError: fetch failed: the server redirects to something that is no URL"),
        (&to_other, r#"["POST","b",null,null,"1",true,true]"#),
    ]);
}

#[test]
fn what_fails_says_why() {
    let web = web::playground();
    Scripts::with_fetch(&web).check(&[
        ("await fetch('{web}/nothing')", "!TypeError: fetch failed: "),
        ("await fetch('http://127.0.0.1:1/')", "!TypeError: fetch failed: "),
        ("await fetch('http://nowhere.invalid/')", "!TypeError: fetch failed: "),
        ("const r = await fetch('{web}/cut'); await r.text()", "!TypeError: fetch failed: "),
        ("const r = await fetch('{web}/broken-gzip'); await r.text()", "!TypeError: fetch failed: "),
        ("await fetch('ftp://127.0.0.1/')", "!TypeError"),
        ("await fetch('file:///etc/passwd')", "!TypeError"),
        ("await fetch('/relative')", "!TypeError"),
        ("await fetch('http://')", "!TypeError"),
        ("await fetch()", "!TypeError: Failed to execute 'fetch': 1 argument required"),
        ("await fetch('{web}/text', { method: 'CONNECT' })", "!TypeError"),
        ("await fetch('{web}/text', { method: 'a b' })", "!TypeError"),
        ("await fetch('{web}/text', { headers: { 'a b': '1' } })", "!TypeError"),
        ("await fetch('{web}/text', { headers: { host: 'evil' } })", "!TypeError: fetch failed: the header host cannot be set"),
        ("await fetch('{web}/text', { headers: { 'content-length': '99' } })", "!TypeError: fetch failed: "),
        ("await fetch('{web}/text', { headers: { 'transfer-encoding': 'chunked' } })", "!TypeError: fetch failed: "),
        ("await fetch('{web}/text', { headers: { a: 'x\\ny' } })", "!TypeError"),
        ("await fetch('{web}/text', { body: 'no' })", "!TypeError"),
        ("await fetch('http://user:word@127.0.0.1/')", "!TypeError"),
        ("const r = await fetch('{web}/html'); await r.json()", "!SyntaxError"),
        ("const r = await fetch('{web}/text'); await r.text(); await r.text()", "!TypeError"),
        ("try { await fetch('{web}/nothing') } catch (e) { [e instanceof TypeError, 'code' in e, e.stack.includes('ext:')] }", "[true,false,false]"),
    ]);
}

#[test]
fn private_addresses_are_out_of_reach_unless_the_operator_says_otherwise() {
    let web = web::playground();
    let scripts = Scripts::new().allow("fetch", ALLOW_ALL).web(&web);
    let answer = scripts.run("await fetch('{web}/text')");
    let error = answer.error.unwrap_or_default();
    assert!(
        error.starts_with("TypeError: fetch failed: ") && error.contains("--fetch-allow-private"),
        "{error}"
    );
    for host in [
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",
        "2130706433",
        "127.1",
        "169.254.169.254",
        "10.0.0.1",
    ] {
        let answer = scripts.run(&format!("await fetch('http://{host}:{}/text')", web.address.port()));
        assert!(answer.error.is_some_and(|error| error.starts_with("TypeError: fetch failed: ")), "{host}");
    }
    assert!(web.asked().is_empty(), "{:?}", web.asked());
}

#[test]
fn denials_say_what_is_not_allowed() {
    let web = web::playground();
    let policy = "package mcp.fetch\n\ndefault allow := false\n\nallow if {\n\tinput.method == \"GET\"\n\tinput.url_parsed.path == \"/text\"\n}\n\nallow if startswith(input.url_parsed.path, \"/redirect/\")\n";
    let scripts = Scripts::new().allow("fetch", policy).flags(&["--fetch-allow-private"]).web(&web);
    let base = web.url("");
    let denied = |what: &str| format!("fetch denied by policy: {what} is not allowed");
    let message = |code: &str| {
        format!("try {{ await {code}; 'allowed' }} catch (e) {{ `${{e.name}} ${{e.message}}` }}")
    };
    let check = |code: &str, expect: &str| {
        assert_eq!(scripts.run(&message(code)).result.as_deref(), Some(expect), "{code}")
    };
    check("fetch('{web}/text')", "allowed");
    check("fetch('{web}/json')", &format!("TypeError {}", denied(&format!("GET {base}/json"))));
    check(
        "fetch('{web}/text', { method: 'POST' })",
        &format!("TypeError {}", denied(&format!("POST {base}/text"))),
    );
    check("fetch('{web}/text/../json')", &format!("TypeError {}", denied(&format!("GET {base}/json"))));
    check("fetch('{web}/redirect/302?/json')", &format!("TypeError {}", denied(&format!("GET {base}/json"))));
    check("fetch('{web}/redirect/302?/text')", "allowed");
    let uncaught = scripts.run("await fetch('{web}/json')");
    let error = uncaught.error.unwrap_or_default();
    let first = error.lines().next().unwrap_or_default();
    assert_eq!(first, format!("TypeError: {}", denied(&format!("GET {base}/json"))));
    assert_eq!(web.count("/json"), 0);
}

#[test]
fn signals_stop_what_they_are_given_to() {
    let web = web::playground();
    Scripts::with_fetch(&web).check(&[
        ("await fetch('{web}/text', { signal: AbortSignal.abort() })", "!AbortError"),
        ("await fetch('{web}/text', { signal: AbortSignal.abort(new RangeError('mine')) })", "!RangeError: mine"),
        ("await fetch('{web}/silent', { signal: AbortSignal.timeout(50) })", "!TimeoutError"),
        ("const c = new AbortController(); setTimeout(() => c.abort(), 50); await fetch('{web}/silent', { signal: c.signal })", "!AbortError"),
        ("const c = new AbortController(); const r = await fetch('{web}/begun', { signal: c.signal }); setTimeout(() => c.abort(), 50); await r.text()", "!AbortError"),
        ("const c = new AbortController(); const r = await fetch('{web}/text', { signal: c.signal }); const t = await r.text(); c.abort(); t", "héllo"),
        ("const c = new AbortController(); const s = new ReadableStream({ pull(k) { k.enqueue(new Uint8Array(9)); return new Promise((r) => setTimeout(r, 5)) }, cancel(why) { globalThis.why = why.name } }); setTimeout(() => c.abort(), 50); try { await fetch('{web}/length', { method: 'POST', body: s, duplex: 'half', signal: c.signal }) } catch (e) { [e.name, globalThis.why] }", r#"["AbortError","AbortError"]"#),
    ]);
    until("nothing is open any more", || (web.open() == 0).then_some(()));
    assert_eq!(web.count("/text"), 1, "what was stopped before it began was not asked");
}

#[test]
fn what_is_stopped_is_stopped_at_the_server_too() {
    let web = web::playground();
    let scripts = Scripts::with_fetch(&web);
    let run = scripts.cli("const c = new AbortController(); fetch('{web}/silent', { signal: c.signal }).catch(() => {}); const r = await fetch('{web}/begun'); await r.body.cancel(); setTimeout(() => c.abort(), 20); await new Promise((r) => setTimeout(r, 5000)); 'over'").arg("--stateless");
    let running = thread::spawn(move || run.answer());
    until("both are asked", || (web.asked().len() == 2).then_some(()));
    until("both are let go while the script runs", || (web.open() == 0).then_some(()));
    assert!(!running.is_finished(), "it is the script's doing, not its end");
    assert_eq!(running.join().expect("no panic").result.as_deref(), Some("over"));
}

#[test]
fn a_run_that_ends_lets_go_of_its_fetches() {
    let web = web::playground();
    let scripts = Scripts::with_fetch(&web);
    for code in [
        "fetch('{web}/silent').catch(() => {}); await fetch('{web}/text'); 1",
        "fetch('{web}/silent'); await new Promise((r) => setTimeout(r, 100)); throw 1",
    ] {
        scripts.run(code);
        until("nothing is open any more", || (web.open() == 0).then_some(()));
    }
    let answer = scripts
        .cli("await fetch('{web}/silent')")
        .args(&["--stateless", "--execution-timeout", "1"])
        .answer();
    assert_eq!(answer.status, "timed_out", "{answer:?}");
    until("nothing is open any more", || (web.open() == 0).then_some(()));
}

#[test]
fn the_time_limit_counts_while_a_fetch_is_awaited() {
    let web = web::playground();
    let answer = Scripts::with_fetch(&web)
        .cli("await fetch('{web}/begun').then((r) => r.text())")
        .args(&["--stateless", "--execution-timeout", "1"])
        .answer();
    assert_eq!((answer.status.as_str(), answer.code), ("timed_out", Some(3)), "{answer:?}");
}

#[test]
fn the_functions_of_a_file_can_fetch_too() {
    let web = web::playground();
    let scripts = Scripts::with_fetch(&web);
    let file = scripts.path("main.ts");
    let code = format!("import {{ get }} from './get.ts'; await get('{}')", web.url("/text"));
    std::fs::write(&file, code).expect("written");
    std::fs::write(
        scripts.path("get.ts"),
        "export const get = async (u: string): Promise<string> => (await fetch(u)).text()",
    )
    .expect("written");
    let answer = Cli::file(&file, &scripts.path("heaps")).args(&scripts.flags).answer();
    assert_eq!(answer.result.as_deref(), Some("héllo"), "{answer:?}");
}

#[test]
fn webassembly_is_compiled_from_responses() {
    let web = web::playground();
    Scripts::with_fetch(&web).check(&[
        ("(await WebAssembly.instantiateStreaming(fetch('{web}/wasm'))).instance.exports.add(2, 3)", "5"),
        ("const m = await WebAssembly.compileStreaming(await fetch('{web}/wasm')); [m instanceof WebAssembly.Module, new WebAssembly.Instance(m).exports.add(1, 1)]", "[true,2]"),
        ("await WebAssembly.compileStreaming(fetch('{web}/text'))", "!TypeError"),
        ("await WebAssembly.compileStreaming(fetch('{web}/status/404'))", "!TypeError"),
        ("await WebAssembly.compileStreaming(new Response(new Uint8Array([0, 97]), { headers: { 'content-type': 'application/wasm' } }))", "!CompileError"),
        ("await WebAssembly.instantiateStreaming(1)", "!TypeError"),
    ]);
}

#[test]
fn many_fetches_go_at_once() {
    let web = Web::start(|exchange| {
        let body = exchange.asked.path.clone();
        exchange.say("text/plain", body)
    });
    let scripts = Scripts::with_fetch(&web);
    scripts.check(&[(
        "const a = await Promise.all(Array.from({ length: 60 }, async (_, i) => (await fetch(`{web}/${i}`)).text())); [a.length, a[59], a.every((p, i) => p === `/${i}`)]",
        r#"[60,"/59",true]"#,
    )]);
}
