//! Headers that the operator adds, and who gets to see them.

use std::sync::{Arc, Mutex};

use stasis_broker::HeaderRules;
use stasis_core::host::RequestBody;

use crate::support::{Recording, Run, Site, check_contains, get, network, ok, redirect, request};

const SECRET: &str = "Bearer s3cr3t-t0ken";

fn rules() -> HeaderRules {
    let text = format!("host=*.a.example,header=Authorization,value={SECRET},methods=GET;POST");
    HeaderRules::parse_flag(&text).expect("a rule")
}

#[tokio::test]
async fn added_after_the_policy_and_only_where_they_belong() {
    let (a, b) = (Site::answering(ok("")).await, Site::answering(ok("")).await);
    let policy = Recording::new(|_| true);
    let options = network(&[("a.example", &a), ("x.a.example", &a), ("b.example", &b)]);
    let mut run = Run::new(policy.clone(), rules(), options);
    run.fetch(get("http://a.example/")).await.expect("an answer");
    run.fetch(get("http://X.A.example/")).await.expect("an answer");
    run.fetch(request("PUT", "http://a.example/", &[], RequestBody::None)).await.expect("an answer");
    run.fetch(request("GET", "http://a.example/", &[("authorization", "mine")], RequestBody::None))
        .await
        .expect("an answer");
    run.fetch(get("http://b.example/")).await.expect("an answer");
    let sent: Vec<_> =
        a.heard().iter().map(|heard| heard.header("authorization").map(str::to_owned)).collect();
    assert_eq!(sent, [Some(SECRET.into()), Some(SECRET.into()), None, Some("mine".into())]);
    assert_eq!(b.heard()[0].header("authorization"), None);
    assert!(!format!("{:?}", policy.asked()).contains("s3cr3t"));
}

#[tokio::test]
async fn decided_anew_for_each_hop() {
    let b = Site::answering(ok("")).await;
    let a = Site::answering(redirect(302, "http://b.example/")).await;
    let mut run =
        Run::new(Recording::new(|_| true), rules(), network(&[("a.example", &a), ("b.example", &b)]));
    run.fetch(get("http://a.example/")).await.expect("an answer");
    assert_eq!(a.heard()[0].header("authorization"), Some(SECRET));
    assert_eq!(b.heard()[0].header("authorization"), None);

    // And the other way: a host that is redirected to gets its own.
    let a = Site::answering(ok("")).await;
    let b = Site::answering(redirect(307, "http://a.example/")).await;
    let mut run =
        Run::new(Recording::new(|_| true), rules(), network(&[("a.example", &a), ("b.example", &b)]));
    let own = [("authorization", "for b")];
    run.fetch(request("GET", "http://b.example/", &own, RequestBody::None)).await.expect("an answer");
    assert_eq!(b.heard()[0].header("authorization"), Some("for b"));
    assert_eq!(a.heard()[0].header("authorization"), Some(SECRET));
}

#[tokio::test]
async fn never_in_errors_or_logs() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    tracing::info!("the log works");
    let garbage = Site::answering("what?\r\n\r\n").await;
    let loops = Site::answering(redirect(302, "http://x.a.example/")).await;
    let options = network(&[("a.example", &garbage), ("x.a.example", &loops)]);
    let policy = Recording::new(|input| input["url"] != "http://a.example/denied");
    let mut run = Run::new(policy, rules(), options);
    for (url, expect) in [
        ("http://a.example/", "not valid HTTP"),
        ("http://a.example/denied", "denied"),
        ("http://x.a.example/", "more than 20 redirects"),
        ("http://y.a.example/", "cannot be resolved"),
    ] {
        let message = run.failure(get(url)).await;
        check_contains(&message, expect);
        assert!(!message.contains("s3cr3t"), "{message}");
    }
    assert_eq!(garbage.heard()[0].header("authorization"), Some(SECRET));
    let log = String::from_utf8(log.0.lock().expect("lock").clone()).expect("text");
    check_contains(&log, "the log works");
    assert!(!log.contains("s3cr3t") && !format!("{run:?}").contains("s3cr3t"));
}

#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("lock").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
