//! What is sent to `/mcp` and is none of the protocol.

use crate::{
    bench::{Bench, MAX_MESSAGE},
    http::Asking,
};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_message_is_refused() {
    let bench = Bench::new().await;
    let address = bench.serve().await;
    let check = async |asking: Asking, expect: u16, words: &str| {
        let (status, body) = asking.finish(address).await;
        assert_eq!(status, expect, "{body}");
        assert!(body.contains(words), "{body}");
    };
    let post = |body: &str| Asking::post("/mcp", body);
    check(post("not json"), 400, "-32700").await;
    check(post(""), 400, "-32700").await;
    check(post("[]"), 400, "-32600").await;
    check(post(r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#), 400, "-32600").await;
    check(post(&"x".repeat(MAX_MESSAGE + 1)), 413, "at most 65536 bytes").await;
    check(post("{}").header("content-type", "text/plain"), 415, "").await;
    check(post(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#).header("accept", "text/html"), 406, "").await;
    check(Asking::get("/mcp"), 400, "").await;
    check(Asking::get("/mcp").header("mcp-session-id", "nobody"), 404, "").await;
}
