//! Runs that wait for their host leave the processors to others.

use std::{
    fs,
    path::Path,
    sync::{Arc, Condvar, Mutex},
    time::{Duration, Instant},
};

use serde_json::json;

use super::{Scripts, web::Web};
use crate::http::{run, server::Server, until};

/// As many runs wait.
const WAITING: usize = 200;

/// Holds all who come until it is opened.
#[derive(Default)]
struct Gate(Mutex<bool>, Condvar);

impl Gate {
    fn pass(&self) {
        let open = self.0.lock().expect("nobody panics");
        drop(self.1.wait_while(open, |open| !*open).expect("nobody panics"));
    }

    fn open(&self) {
        *self.0.lock().expect("nobody panics") = true;
        self.1.notify_all();
    }
}

#[test]
fn many_runs_that_wait_for_a_server_keep_nobody_else_waiting() {
    let _busy = crate::support::busy();
    let gate = Arc::new(Gate::default());
    let held = Arc::clone(&gate);
    let web = Web::start(move |exchange| {
        held.pass();
        let body = exchange.asked.path.clone();
        exchange.say("text/plain", body)
    });
    let scripts = Scripts::with_fetch(&web);
    let flags: Vec<&str> = scripts.flags.iter().map(String::as_str).collect();
    let server = Server::start(&flags);
    let ids: Vec<String> = (0..WAITING)
        .map(|n| {
            let code = format!("await (await fetch('{}')).text()", web.url(&format!("/{n}")));
            let accepted = server.post("/api/exec", &json!({ "code": code, "execution_timeout_secs": 30 }));
            accepted.expect(202)["execution_id"].as_str().expect("an id").to_owned()
        })
        .collect();
    until("all of them are waiting", || (web.open() == WAITING as u64).then_some(()));
    let begun = Instant::now();
    for _ in 0..5 {
        let record = server.run(&run("1 + 1"));
        assert_eq!(record["result"], "2", "{record}");
    }
    let took = begun.elapsed();
    assert_eq!(web.open(), WAITING as u64, "all of them are still waiting");
    gate.open();
    for (n, id) in ids.iter().enumerate() {
        let record = server.end_of(id);
        assert_eq!(record["result"].as_str(), Some(format!("/{n}").as_str()), "{record}");
    }
    assert!(took < Duration::from_secs(5), "others took {took:?}");
    server.assert_serves();
}

#[test]
fn a_run_that_waits_holds_no_file_and_no_socket_of_its_own() {
    let web = super::web::playground();
    let scripts = Scripts::with_files().allow("fetch", super::ALLOW_ALL).flags(&["--fetch-allow-private"]);
    fs::write(scripts.path("files/a"), "content").expect("written");
    let flags: Vec<&str> = scripts.flags.iter().map(String::as_str).collect();
    let server = Server::start(&flags);
    let file = format!("{}/a", scripts.files());
    server.begin(&format!("await fs.readFile('{file}'); await fetch('{}')", web.url("/silent")));
    until("it waits", || (web.open() == 1).then_some(()));
    let children = children(server.pid());
    assert!(children.len() > 1, "{children:?}");
    for (child, open) in &children {
        // The one that talks to the server. What the program is made of is no secret.
        let sockets = open.iter().filter(|name| name.starts_with("socket:")).count();
        let files = [scripts.folder.path(), Path::new("/etc"), Path::new("/home")];
        let reached = open.iter().find(|name| files.iter().any(|folder| Path::new(name).starts_with(folder)));
        assert!(sockets == 1 && reached.is_none(), "{child}: {open:?}");
    }
}

/// The processes that a process has started, and what each has open.
fn children(parent: u32) -> Vec<(u32, Vec<String>)> {
    let is_child = |process: &u32| {
        let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
        status
            .lines()
            .any(|line| line.strip_prefix("PPid:").is_some_and(|id| id.trim() == parent.to_string()))
    };
    let open = |process: u32| -> Vec<String> {
        let entries = fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten().flatten();
        entries
            .filter_map(|entry| Some(fs::read_link(entry.path()).ok()?.to_string_lossy().into_owned()))
            .collect()
    };
    let processes = fs::read_dir("/proc").expect("there are processes").flatten();
    processes
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(is_child)
        .map(|process| (process, open(process)))
        .filter(|(_, open)| !open.is_empty())
        .collect()
}
