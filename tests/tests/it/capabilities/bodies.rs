//! Bodies: each way to read them, streams in both directions, and large ones.

use super::{Scripts, web, web::Web};

/// More than a message to a worker can hold.
const LARGE: usize = 20 << 20;

#[test]
fn bodies_are_read_in_each_way() {
    let web = web::playground();
    Scripts::with_fetch(&web).check(&[
        ("await (await fetch('{web}/text')).text()", "héllo"),
        ("await (await fetch('{web}/json')).json()", r#"{"a":[1,2]}"#),
        ("new Uint8Array(await (await fetch('{web}/bytes/5')).arrayBuffer()).join()", "0,1,2,3,4"),
        ("const b = await (await fetch('{web}/bytes/5')).bytes(); [b instanceof Uint8Array, b.join()]", r#"[true,"0,1,2,3,4"]"#),
        ("const b = await (await fetch('{web}/text')).blob(); [b.size, b.type, await b.text()].join()", "6,text/plain;charset=utf-8,héllo"),
        ("const f = await (await fetch('{web}/form')).formData(); [f.get('a'), f.get('b')]", r#"["1","x y"]"#),
        ("const f = await (await fetch('{web}/multipart')).formData(); [f.get('a'), f.get('f').name, await f.get('f').text()]", r#"["1","f.txt","file"]"#),
        ("let n = 0; for await (const c of (await fetch('{web}/bytes/3000000')).body) n += c.length; n", "3000000"),
        ("const r = (await fetch('{web}/bytes/9')).body.getReader({ mode: 'byob' }); const { value } = await r.read(new Uint8Array(4)); value.join()", "0,1,2,3"),
        ("const r = (await fetch('{web}/bytes/0')).body.getReader({ mode: 'byob' }); const { done, value } = await r.read(new Uint8Array(4)); [done, value.length]", "[true,0]"),
        ("const r = (await fetch('{web}/text')).body.pipeThrough(new TextDecoderStream()); let t = ''; for await (const c of r) t += c; t", "héllo"),
        ("const a = await fetch('{web}/text'); const b = a.clone(); [await a.text(), await b.text(), a.bodyUsed, b.bodyUsed]", r#"["héllo","héllo",true,true]"#),
        ("const [a, b] = (await fetch('{web}/bytes/3000000')).body.tee(); const n = async (s) => (await new Response(s).bytes()).length; await Promise.all([n(a), n(b)])", "[3000000,3000000]"),
        ("const a = await fetch('{web}/text'); a.body.getReader(); a.bodyUsed", "false"),
        ("const r = await fetch('{web}/text'); await r.body.cancel(); await r.text()", "!TypeError"),
        ("const b = (await fetch('{web}/begun')).body.getReader(); const { value } = await b.read(); new TextDecoder().decode(value)", "begun"),
    ]);
}

#[test]
fn compressed_bodies_are_opened() {
    let web = web::playground();
    Scripts::with_fetch(&web).check(&[
        ("const r = await fetch('{web}/gzip/100000'); const t = await r.text(); [t.length, t === 'a'.repeat(100000)]", "[100000,true]"),
        ("(await (await fetch('{web}/echo')).json()).headers['accept-encoding'].includes('gzip')", "true"),
        ("await (await fetch('{web}/gzip/0')).text()", ""),
    ]);
}

#[test]
fn large_bodies_go_both_ways() {
    let web = web::playground();
    let sum = format!("{LARGE} {}", web::checksum(&web::pattern(LARGE)));
    let code = |body: &str, more: &str| {
        format!(
            "const b = new Uint8Array({LARGE}); for (let i = 0; i < b.length; i++) b[i] = i % 251; \
             await (await fetch('{{web}}/length', {{ method: 'POST', body: {body}, {more} }})).text()"
        )
    };
    let scripts = Scripts::with_fetch(&web).flags(&["--external-memory-max", "512"]);
    scripts.check(&[
        (&code("b", ""), &sum),
        (&code("new Blob([b])", ""), &sum),
        (&code("b.buffer", ""), &sum),
        (&code("new ReadableStream({ start(c) { c.enqueue(b); c.close() } })", "duplex: 'half'"), &sum),
        (&code("new Response(b).body", "duplex: 'half'"), &sum),
        (&format!("const b = await (await fetch('{{web}}/bytes/{LARGE}')).bytes(); let ok = b.length === {LARGE}; for (let i = 0; i < b.length; i++) ok &&= b[i] === i % 251; ok"), "true"),
        (&format!("(await (await fetch('{{web}}/gzip/{LARGE}')).arrayBuffer()).byteLength"), &LARGE.to_string()),
    ]);
}

#[test]
fn requests_are_streamed_piece_by_piece() {
    let web = Web::start(|exchange| {
        // Each piece is answered before the next one is sent.
        exchange.begin("200 OK", &[])?;
        while let Some(piece) = exchange.piece()? {
            exchange.write(&piece)?;
        }
        Ok(())
    });
    let scripts = Scripts::with_fetch(&web);
    scripts.check(&[
        (
            "const t = new TransformStream(); const w = t.writable.getWriter(); const r = await fetch('{web}/', { method: 'POST', body: t.readable, duplex: 'half' }); const b = r.body.getReader(); const told = []; \
             for (const word of ['one', 'two', 'three']) { w.write(new TextEncoder().encode(word)); told.push(new TextDecoder().decode((await b.read()).value)) } w.close(); told.push((await b.read()).done); told",
            r#"["one","two","three",true]"#,
        ),
        (
            "const s = new ReadableStream({ pull(c) { c.error(new RangeError('source')) } }); await fetch('{web}/', { method: 'POST', body: s, duplex: 'half' })",
            "!RangeError: source",
        ),
        (
            "const s = new ReadableStream({ pull(c) { c.enqueue('text'); c.close() } }); await fetch('{web}/', { method: 'POST', body: s, duplex: 'half' })",
            "!TypeError",
        ),
    ]);
}

#[test]
fn nobody_is_sent_more_than_they_take() {
    const MOST: u64 = 24 << 20;
    let web = Web::start(|exchange| match exchange.asked.path.as_str() {
        "/endless" => {
            exchange.begin("200 OK", &[])?;
            loop {
                exchange.write(&[b'e'; 64 << 10])?;
            }
        }
        // Takes nothing, and says nothing.
        _ => {
            std::thread::sleep(std::time::Duration::from_secs(3));
            Ok(())
        }
    });
    let scripts = Scripts::with_fetch(&web);
    scripts.check(&[(
        "const b = (await fetch('{web}/endless')).body.getReader(); await b.read(); await new Promise((r) => setTimeout(r, 1000)); await b.cancel(); 'read'",
        "read",
    )]);
    assert!(web.written() < MOST, "{} bytes for one that was read", web.written());
    let answer = scripts.run(
        "let sent = 0; const s = new ReadableStream({ pull(c) { sent += 65536; c.enqueue(new Uint8Array(65536)) } }); \
         await Promise.race([fetch('{web}/taken', { method: 'POST', body: s, duplex: 'half' }).catch(() => {}), new Promise((r) => setTimeout(r, 1500))]); sent",
    );
    let sent: u64 = answer.result.unwrap_or_default().parse().expect("a number");
    assert!(sent > 0 && sent < MOST, "{sent} bytes were taken from the stream");
}

#[test]
fn a_response_may_come_before_the_whole_body_has_gone() {
    let web = web::playground();
    Scripts::with_fetch(&web).check(&[(
        "let n = 0; const s = new ReadableStream({ async pull(c) { await new Promise((r) => setTimeout(r, 5)); if (++n > 200) c.close(); else c.enqueue(new Uint8Array(10)) } }); const r = await fetch('{web}/early', { method: 'POST', body: s, duplex: 'half' }); [r.status, await r.text()]",
        r#"[413,"no"]"#,
    )]);
}
