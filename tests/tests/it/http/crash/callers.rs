//! One client of a server that is going to be killed.

use std::{
    io,
    net::SocketAddr,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

use serde_json::{Value, json};

use super::{
    super::{
        client::{Answer, Client, Request},
        text,
    },
    Acknowledged, Dice, session_name,
};

/// Counts the runs of a session, so that its heaps can be told from each other.
const COUNT: &str = "globalThis.n = (globalThis.n ?? 0) + 1; console.log('run ' + n); n";

/// Calls until the server is gone; gives what it has acknowledged.
pub(super) fn call(
    address: SocketAddr,
    mut dice: Dice,
    caller: u64,
    round: u32,
    over: &AtomicBool,
) -> Acknowledged {
    let mut acknowledged = Acknowledged::default();
    let mut state = State {
        own: session_name(&caller.to_string(), round),
        shared: session_name("shared", round),
        heap: None,
    };
    // What goes wrong now is the kill: whoever comes too late finds nobody.
    let Ok(mut client) = Client::connect(address) else { return acknowledged };
    while !over.load(Relaxed) && state.step(&mut client, &mut dice, &mut acknowledged).is_ok() {}
    acknowledged
}

/// What a caller knows.
struct State {
    own: String,
    shared: String,
    /// A heap whose tags nobody else changes.
    heap: Option<String>,
}

impl State {
    fn step(&mut self, client: &mut Client, dice: &mut Dice, known: &mut Acknowledged) -> io::Result<()> {
        match dice.below(12) {
            0..=4 => self.run(client, known, self.own.clone(), dice.below(2) == 0),
            5 | 6 => self.run(client, known, self.shared.clone(), false),
            7 => start(client, known, "while (Date.now() % 7);"),
            8 => start(client, known, "console.log('going'); await new Promise((r) => setTimeout(r, 9e4))"),
            9 => cancel_last(client, known),
            _ => self.tag(client, known, dice.below(1000)),
        }
    }

    fn run(
        &mut self,
        client: &mut Client,
        known: &mut Acknowledged,
        session: String,
        tagged: bool,
    ) -> io::Result<()> {
        let mut run = json!({ "code": COUNT, "session": session });
        // Of all runs there are more than a page of a query has.
        let tag = format!("with the run in {session}");
        if tagged {
            run["tags"] = json!({ "t": tag });
        }
        let answer = client.ask(&Request::post("/api/exec?wait=60").json(&run))?;
        // Nobody else uses a caller's own session.
        let record = expect(&answer, if session == self.own { &[200] } else { &[200, 409] });
        let (id, heap) = (text(&record, "execution_id"), text(&record, "heap"));
        known.executions.insert(id.to_owned(), Some(record.clone()));
        if let Some(index) = record["session_index"].as_u64() {
            known.entries.insert((session, index), heap.to_owned());
        }
        if tagged {
            known.tags.insert(heap.to_owned(), vec![tag]);
        }
        self.heap = Some(heap.to_owned());
        Ok(())
    }

    fn tag(&self, client: &mut Client, known: &mut Acknowledged, value: u64) -> io::Result<()> {
        let Some(heap) = &self.heap else { return Ok(()) };
        let value = value.to_string();
        let may_be = known.tags.entry(heap.clone()).or_insert_with(|| vec![String::new()]);
        may_be.push(value.clone());
        let request = Request::new("PUT", &format!("/api/heaps/{heap}/tags")).json(&json!({ "t": value }));
        expect(&client.ask(&request)?, &[200]);
        *may_be = vec![value];
        Ok(())
    }
}

fn start(client: &mut Client, known: &mut Acknowledged, code: &str) -> io::Result<()> {
    let answer = client.ask(&Request::post("/api/exec").code(code))?;
    known.executions.insert(text(&expect(&answer, &[202]), "execution_id").to_owned(), None);
    Ok(())
}

/// Cancels what was started last, if it goes on; a cancel is acknowledged as well.
fn cancel_last(client: &mut Client, known: &mut Acknowledged) -> io::Result<()> {
    let Some((id, end)) = known.executions.iter_mut().rev().find(|(_, end)| end.is_none()) else {
        return Ok(());
    };
    let answer = client.ask(&Request::post(&format!("/api/executions/{id}/cancel")))?;
    expect(&answer, &[200, 409]);
    let answer = client.ask(&Request::get(&format!("/api/executions/{id}?wait=60")))?;
    let record = expect(&answer, &[200]);
    assert_ne!(record["status"], "running");
    *end = Some(record);
    Ok(())
}

#[track_caller]
fn expect(answer: &Answer, statuses: &[u16]) -> Value {
    assert!(statuses.contains(&answer.status), "{} {}", answer.status, answer.beginning());
    answer.json()
}
