//! Runs that wait for their host leave the processors to others.

use std::{
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
