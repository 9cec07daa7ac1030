//! What the policy is asked, and when.

use serde_json::json;

use super::*;

fn with_policy() -> (Arc<Watcher>, ModuleOptions) {
    let watcher = Arc::new(Watcher::default());
    let policy = Some(Arc::clone(&watcher) as Arc<dyn Policy>);
    (watcher, ModuleOptions { policy, ..options() })
}

fn input(specifier: &str, url: &str, path: &str, query: &str) -> Value {
    let host = Url::parse(url).expect("a URL").host_str().map(str::to_owned);
    json!({
        "operation": "import",
        "specifier": specifier,
        "url": url,
        "url_parsed": { "scheme": "http", "host": host, "port": 80, "path": path, "query": query },
    })
}

#[tokio::test]
async fn the_policy_sees_every_url_on_the_way() {
    let server = Server::start([
        ("/start@1", Page::redirect("/middle?x=1").with("cache-control", "max-age=600")),
        ("/middle?x=1", Page::redirect("http://other.test/end")),
        ("/end", Page::javascript("export {}").with("cache-control", "immutable")),
    ])
    .await;
    let (watcher, options) = with_policy();
    let run = broker(&server, options).attend();
    for round in 0..2 {
        let expect = javascript("http://other.test/end", "export {}");
        assert_eq!(load(&run, "npm:start@1").await, expect);
        let asked = std::mem::take(&mut *watcher.asked.lock().expect("no panic"));
        let expect = [
            input("npm:start@1", "http://esm.test/start@1", "/start@1", ""),
            input("npm:start@1", "http://esm.test/middle?x=1", "/middle", "x=1"),
            input("npm:start@1", "http://other.test/end", "/end", ""),
        ];
        assert_eq!(asked, expect, "round {round}");
    }
    for path in ["/start@1", "/middle?x=1", "/end"] {
        assert_eq!(server.hits(path), 1, "{path}");
    }
    assert!(load(&run, "http://esm.test/middle?x=1#here").await.is_ok());
    let asked = watcher.asked.lock().expect("no panic")[0].clone();
    let specifier = "http://esm.test/middle?x=1#here";
    assert_eq!(asked, input(specifier, "http://esm.test/middle?x=1", "/middle", "x=1"), "no fragment");
}

#[tokio::test]
async fn what_is_denied_is_not_fetched() {
    let server = Server::start([
        ("/denied", Page::javascript("export {}")),
        ("/elsewhere", Page::redirect("http://other.test/denied?x")),
    ])
    .await;
    let (watcher, options) = with_policy();
    let run = broker(&server, options).attend();
    let check = async |specifier: &str, expect: &str| {
        assert_eq!(load(&run, specifier).await, Err(HostError::new(expect)));
    };
    check("npm:denied", "import denied by policy: http://esm.test/denied is not allowed").await;
    check("npm:elsewhere", "import denied by policy: http://other.test/denied?x is not allowed").await;
    check(
        "http://other.test/denied-why",
        "import denied by policy: http://other.test/denied-why is not allowed (no answer)",
    )
    .await;
    assert_eq!(server.hits("/denied") + server.hits("/denied?x"), 0);
    assert_eq!(watcher.asked.lock().expect("no panic").len(), 4);
}

#[tokio::test]
async fn what_is_in_the_cache_can_be_denied() {
    let server = Server::start([("/denied", Page::javascript("1").with("cache-control", "immutable"))]).await;
    let folder = tempfile::tempdir().expect("tempdir");
    let cache_folder = Some(folder.path().to_owned());
    let run = broker(&server, ModuleOptions { cache_folder: cache_folder.clone(), ..options() }).attend();
    assert!(load(&run, "npm:denied").await.is_ok());
    let (_, options) = with_policy();
    let run = broker(&server, ModuleOptions { cache_folder, ..options }).attend();
    load(&run, "npm:denied").await.expect_err("denied");
}
