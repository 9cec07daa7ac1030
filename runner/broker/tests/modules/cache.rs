//! What is fetched once, and what is fetched again.

use std::{fs, path::Path};

use futures::future::join_all;
use tokio::sync::Semaphore;

use super::*;

const FOREVER: &str = "public, max-age=31536000, immutable";

async fn check(run: &ModuleRun, specifier: &str, expect: &str) {
    match load(run, specifier).await {
        Ok(HostAnswer::Module(module)) => assert_eq!(module.text, expect, "{specifier}"),
        other => panic!("{specifier}: {other:?}"),
    }
}

fn in_folder(folder: &Path) -> ModuleOptions {
    ModuleOptions { cache_folder: Some(folder.to_owned()), ..options() }
}

#[tokio::test]
async fn servers_say_how_long_a_module_is_good() {
    let server = Server::start([
        ("/forever", Page::javascript("1").with("cache-control", FOREVER)),
        ("/unstated", Page::javascript("1")),
        ("/never", Page::javascript("1").with("cache-control", "no-store")),
        ("/stale", Page::javascript("1").with("cache-control", "max-age=0")),
        ("/tagged", Page::javascript("1").with("cache-control", "no-cache").with("etag", "\"one\"")),
    ])
    .await;
    let run = broker(&server, options()).attend();
    let twice = async |name: &str, hits: usize| {
        for _ in 0..2 {
            check(&run, &format!("npm:{name}"), "1").await;
        }
        assert_eq!(server.hits(&format!("/{name}")), hits, "{name}");
    };
    twice("forever", 1).await;
    twice("unstated", 1).await;
    twice("never", 2).await;
    twice("stale", 2).await;
    twice("tagged", 2).await;
    assert_eq!(server.last_headers()["if-none-match"], "\"one\"");
    let changed = Page::javascript("2").with("cache-control", "no-cache").with("etag", "\"two\"");
    server.put("/tagged", changed);
    check(&run, "npm:tagged", "2").await;
    check(&run, "npm:tagged", "2").await;
    assert_eq!(server.last_headers()["if-none-match"], "\"two\"");
}

#[tokio::test]
async fn a_folder_outlives_the_server() {
    let folder = tempfile::tempdir().expect("tempdir");
    let server = Server::start([
        ("/a", Page::redirect("/b").with("cache-control", FOREVER)),
        ("/b", Page::javascript("1").with("cache-control", FOREVER)),
    ])
    .await;
    for _ in 0..2 {
        let run = broker(&server, in_folder(folder.path())).attend();
        assert_eq!(load(&run, "npm:a").await, javascript("http://esm.test/b", "1"));
    }
    assert_eq!((server.hits("/a"), server.hits("/b")), (1, 1));
}

type Damage = fn(&Path);

#[tokio::test]
async fn what_was_damaged_is_fetched_anew() {
    let damage: [(&str, Damage); 6] = [
        ("sources", |path| fs::write(path, "evil").expect("write")),
        ("sources", |path| fs::write(path, [0xff]).expect("write")),
        ("sources", |path| fs::remove_file(path).expect("remove")),
        ("index", |path| fs::write(path, "{").expect("write")),
        ("index", |path| {
            let text = fs::read_to_string(path).expect("read");
            fs::write(path, text.replace("esm.test", "other.test")).expect("write");
        }),
        ("index", |path| fs::remove_file(path).expect("remove")),
    ];
    let folder = tempfile::tempdir().expect("tempdir");
    let server = Server::start([("/a", Page::javascript("1").with("cache-control", FOREVER))]).await;
    let run = broker(&server, in_folder(folder.path())).attend();
    check(&run, "npm:a", "1").await;
    for (number, (part, damage)) in damage.into_iter().enumerate() {
        let mut files = fs::read_dir(folder.path().join(part)).expect("read the folder");
        damage(&files.next().expect("a file").expect("an entry").path());
        check(&run, "npm:a", "1").await;
        check(&run, "npm:a", "1").await;
        assert_eq!(server.hits("/a"), number + 2, "damage {number}");
    }
}

#[tokio::test]
async fn what_many_want_is_fetched_once() {
    let server = Server::start([("/a", Page::javascript("1").with("cache-control", "no-store"))]).await;
    let broker = broker(&server, options());
    let runs: Vec<_> = (0..50).map(|_| broker.attend()).collect();
    join_all(runs.iter().map(|run| check(run, "npm:a", "1"))).await;
    assert_eq!(server.hits("/a"), 1);
    check(&broker.attend(), "npm:a", "1").await;
    assert_eq!(server.hits("/a"), 2, "it was for those who waited");
}

#[tokio::test]
async fn who_gives_up_leaves_the_others_their_module() {
    let gate = Arc::new(Semaphore::new(0));
    let server = Server::start([("/a", Page::javascript("1").behind(&gate))]).await;
    let broker = broker(&server, options());
    let (first, second) = (broker.attend(), broker.attend());
    let first = tokio::spawn(first.load("npm:a".to_owned()));
    server.arrival().await;
    let second = tokio::spawn(second.load("npm:a".to_owned()));
    tokio::task::yield_now().await;
    first.abort();
    first.await.expect_err("it has given up");
    gate.add_permits(1);
    assert_eq!(second.await.expect("no panic"), javascript("http://esm.test/a", "1"));
    assert_eq!(server.hits("/a"), 1);
}

#[tokio::test]
async fn what_was_fetched_last_is_used_while_its_server_is_down() {
    let folder = tempfile::tempdir().expect("tempdir");
    let server = Server::start([("/a", Page::javascript("1").with("cache-control", "no-cache"))]).await;
    let run = broker(&server, in_folder(folder.path())).attend();
    check(&run, "npm:a", "1").await;
    server.put("/a", Page::new(404, ""));
    load(&run, "npm:a").await.expect_err("the server says that it is gone");
    server.stop().await;
    // The first one may still have a connection.
    let run = broker(&server, in_folder(folder.path())).attend();
    check(&run, "npm:a", "1").await;
    load(&run, "npm:b").await.expect_err("nobody knows");
}

#[tokio::test]
async fn the_cache_is_bounded() {
    let folder = tempfile::tempdir().expect("tempdir");
    let names: Vec<String> = (0..20).map(|number| format!("/m{number}")).collect();
    let page = |name: &String| Page::javascript(name).with("cache-control", FOREVER);
    let server = Server::start(names.iter().map(|name| (name.as_str(), page(name)))).await;
    let options = ModuleOptions { cache_bytes: 64 << 10, ..in_folder(folder.path()) };
    let broker = broker(&server, options);
    for name in &names {
        check(&broker.attend(), &format!("npm:{}", &name[1..]), name).await;
    }
    let bytes: u64 = ["index", "sources"]
        .iter()
        .flat_map(|part| fs::read_dir(folder.path().join(part)).expect("read the folder"))
        .map(|entry| entry.expect("an entry").metadata().expect("metadata").len().max(4096))
        .sum();
    assert!(bytes <= 64 << 10, "{bytes}");
    check(&broker.attend(), "npm:m19", "/m19").await;
    assert_eq!(server.hits("/m19"), 1, "what was used last is there");
    check(&broker.attend(), "npm:m0", "/m0").await;
    assert_eq!(server.hits("/m0"), 2, "what was used longest ago is not");
}
