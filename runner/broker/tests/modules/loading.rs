//! What becomes of an import.

use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};
use stasis_core::host::MAX_CONTENT_BYTES;

use super::*;

#[tokio::test]
async fn modules_are_found() {
    let server = Server::start([
        ("/lodash@4", Page::javascript("export default 1")),
        ("/jsr/@scope/pkg@1/sub", Page::javascript("export default 2")),
        ("/a.ts", Page::new(200, "export const a: number = 1").with("content-type", "video/mp2t")),
        ("/a.json", Page::new(200, "{}").with("content-type", "application/json; charset=utf-8")),
        ("/bom", Page::javascript("\u{feff}export {}")),
        ("/a?b=c", Page::javascript("export {}")),
        ("/start", Page::redirect("/next?x")),
        ("/next?x", Page::redirect("http://other.test/x/end.mjs#there")),
        ("/x/end.mjs", Page::javascript("export default 3")),
    ])
    .await;
    let run = broker(&server, options()).attend();
    let check = async |specifier: &str, expect: HostResult| {
        assert_eq!(load(&run, specifier).await, expect, "{specifier}");
    };
    check("npm:lodash@4", javascript("http://esm.test/lodash@4", "export default 1")).await;
    check("jsr:@scope/pkg@1/sub", javascript("http://esm.test/jsr/@scope/pkg@1/sub", "export default 2"))
        .await;
    check(
        "http://other.test/a.ts",
        module("http://other.test/a.ts", ModuleKind::TypeScript, "export const a: number = 1"),
    )
    .await;
    check("http://esm.test/a.json", module("http://esm.test/a.json", ModuleKind::Json, "{}")).await;
    check("http://esm.test/bom", javascript("http://esm.test/bom", "export {}")).await;
    check("http://ESM.test/x/../a?b=c", javascript("http://esm.test/a?b=c", "export {}")).await;
    check("npm:start", javascript("http://other.test/x/end.mjs", "export default 3")).await;
    check("http://esm.test/a?b=c#1", javascript("http://esm.test/a?b=c#1", "export {}")).await;
    assert_eq!(server.hits("/a?b=c"), 1, "a fragment makes another module of the same source");
    let headers = server.last_headers();
    assert!(headers["user-agent"].to_str().expect("text").starts_with("stasis/"), "{headers:?}");
    assert!(!headers["accept"].to_str().expect("text").contains("html"), "{headers:?}");
}

#[tokio::test]
async fn compressed_modules_are_unpacked() {
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(b"export {}").expect("pack");
    let page = |packed: Vec<u8>| Page::javascript("").with("content-encoding", "gzip").bytes(packed);
    let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
    bomb.write_all(&vec![b' '; MAX_CONTENT_BYTES + 1]).expect("pack");
    let server = Server::start([
        ("/packed", page(packed.finish().expect("pack"))),
        ("/bomb", page(bomb.finish().expect("pack"))),
        ("/broken", page(b"this is not gzip".to_vec())),
    ])
    .await;
    let run = broker(&server, options()).attend();
    assert_eq!(load(&run, "npm:packed").await, javascript("http://esm.test/packed", "export {}"));
    for (name, expect) in [
        ("bomb", "Cannot import npm:bomb: the response is larger than 16777216 bytes"),
        ("broken", "Cannot import npm:broken: the response of esm.test cannot be decompressed"),
    ] {
        assert_eq!(load(&run, &format!("npm:{name}")).await, Err(HostError::new(expect)));
    }
}

#[tokio::test]
async fn failures_tell_what_to_do() {
    let server = Server::start([
        ("/page", Page::new(200, "<html>").with("content-type", "text/html; charset=utf-8")),
        ("/style", Page::new(200, "").with("content-type", "text/css")),
        ("/latin", Page::javascript("").bytes(&b"'\xe9'"[..])),
        ("/secret", Page::new(403, "")),
        ("/busy", Page::new(429, "")),
        ("/broken", Page::new(500, "")),
        ("/odd", Page::new(204, "")),
        ("/nowhere", Page::new(302, "")),
        ("/loop", Page::redirect("/loop")),
        ("/to_file", Page::redirect("file:///etc/passwd")),
        ("/to_user", Page::redirect("http://user:word@esm.test/")),
        ("/to_private", Page::redirect("http://private.test/")),
        ("/to_loopback", Page::redirect("http://127.0.0.1:1/")),
        ("/to_metadata", Page::redirect("http://[::ffff:169.254.169.254]/latest")),
        ("/huge", Page::javascript("").bytes(vec![b' '; MAX_CONTENT_BYTES + 1])),
    ])
    .await;
    let run = broker(&server, options()).attend();
    let check = async |specifier: &str, expect: &str| {
        let expect = format!("Cannot import {specifier}: {expect}");
        assert_eq!(load(&run, specifier).await, Err(HostError::new(expect)), "{specifier}");
    };
    check(
        "npm:absent",
        "there is no module at http://esm.test/absent; check the package's name and version, or the URL",
    )
    .await;
    check("npm:page", "http://esm.test/page is a web page, not a module: find the URL of the source itself")
        .await;
    check(
        "npm:style",
        "http://esm.test/style is text/css, which is no module: JavaScript, TypeScript and JSON are",
    )
    .await;
    check("npm:latin", "http://esm.test/latin is not UTF-8").await;
    check("npm:secret", "http://esm.test/secret answered with status 403: it does not hand this out").await;
    check(
        "npm:busy",
        "http://esm.test/busy answered with status 429: there were too many requests, try again later",
    )
    .await;
    check(
        "npm:broken",
        "http://esm.test/broken answered with status 500: the server failed, try again later or another version",
    )
    .await;
    check("npm:odd", "http://esm.test/odd answered with status 204").await;
    check("npm:nowhere", "http://esm.test/nowhere redirects, but not to anywhere").await;
    check("npm:loop", "there were more than 10 redirects").await;
    assert_eq!(server.hits("/loop"), 1, "the cache knows");
    check(
        "npm:to_file",
        "http://esm.test/to_file redirects to a URL that cannot be a module: file: URLs cannot be imported, only \
         https: and http:",
    )
    .await;
    check(
        "npm:to_user",
        "http://esm.test/to_user redirects to a URL that cannot be a module: URLs of modules cannot contain a \
         user name or password",
    )
    .await;
    check("npm:huge", "the response is larger than 16777216 bytes").await;
    check("http://unknown.test/", "the host name unknown.test cannot be resolved").await;
    check(
        "node:crypto",
        "node:crypto is a Node built-in, which is not here: use Web Crypto, the global crypto",
    )
    .await;
    for specifier in
        ["npm:to_private", "npm:to_loopback", "npm:to_metadata", "http://127.0.0.1/", "http://[::1]/"]
    {
        let error = load(&run, specifier).await.expect_err(specifier);
        assert!(error.message.contains("public addresses only"), "{specifier}: {error}");
    }
}

#[tokio::test]
async fn servers_that_take_too_long_are_given_up() {
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    let server = Server::start([
        ("/silent", Page::javascript("").behind(&gate)),
        ("/endless", Page::javascript("export {}").endless()),
    ])
    .await;
    let limits = ModuleLimits { within: Duration::from_millis(200), ..ModuleLimits::default() };
    let run = broker(&server, ModuleOptions { limits, ..options() }).attend();
    for name in ["silent", "endless"] {
        let expect = format!("Cannot import npm:{name}: the response did not arrive within 0.2 s");
        assert_eq!(load(&run, &format!("npm:{name}")).await, Err(HostError::new(expect)));
    }
}

#[tokio::test]
async fn runs_are_bounded() {
    let server = Server::start([("/a", Page::javascript("1234")), ("/b", Page::javascript("12"))]).await;
    let limits = ModuleLimits { modules: 3, total_bytes: 7, ..ModuleLimits::default() };
    let broker = broker(&server, ModuleOptions { limits, ..options() });
    let run = broker.attend();
    assert!(load(&run, "npm:a").await.is_ok());
    let error = load(&run, "npm:a").await.expect_err("bytes");
    assert_eq!(error.message, "Cannot import npm:a: a run imports modules of at most 7 bytes altogether");
    assert!(load(&run, "npm:b").await.is_ok());
    let error = load(&run, "npm:b").await.expect_err("modules");
    assert_eq!(error.message, "Cannot import npm:b: a run imports at most 3 modules");
    assert!(load(&broker.attend(), "npm:a").await.is_ok(), "another run has its own");
}

#[tokio::test]
async fn nothing_is_imported_unless_the_operator_says_so() {
    let server = Server::start([("/a", Page::javascript(""))]).await;
    let run = broker(&server, ModuleOptions { allow_external: false, ..options() }).attend();
    let expect = "Import of npm:a is not allowed: modules are off on this server. Its operator can allow them with \
                  --allow-external-modules.";
    assert_eq!(load(&run, "npm:a").await, Err(HostError::new(expect)));
    assert_eq!(server.hits("/a"), 0);
}
