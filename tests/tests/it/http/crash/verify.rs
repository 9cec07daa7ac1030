//! Whether what was acknowledged is there.

use std::{
    collections::{BTreeMap, BTreeSet},
    thread,
};

use serde_json::{Value, json};

use super::{
    super::{Server, client::Request, text},
    Acknowledged,
};
use crate::support::assert_none;

/// What was acknowledged since the server was last started, in full; and these sessions.
pub(super) fn round(server: &Server, known: &Acknowledged, sessions: &[String]) {
    let mut complaints = Vec::new();
    let mut client = server.connect();
    for (id, end) in &known.executions {
        let answer = client.ask(&Request::get(&format!("/api/executions/{id}"))).expect("an answer");
        let record = answer.try_json().unwrap_or_default();
        let right = match end {
            Some(end) => record == *end,
            None => {
                answer.status == 200 && record["status"] != "running" && record["completed_at"].is_string()
            }
        };
        complaints.extend((!right).then(|| format!("{id}: {} {record}, was {end:?}", answer.status)));
    }
    for (heap, values) in &known.tags {
        let answer = client.ask(&Request::get(&format!("/api/heaps/{heap}/tags"))).expect("an answer");
        let value = answer.json()["tags"]["t"].as_str().unwrap_or_default().to_owned();
        let right = answer.status == 200 && values.contains(&value);
        complaints.extend((!right).then(|| format!("{heap}: {} {value:?}, was {values:?}", answer.status)));
        let found =
            client.ask(&Request::get(&format!("/api/heaps?t={}&limit=1000", value.replace(' ', "+"))));
        let found = found.expect("an answer").expect(200);
        let listed =
            found["heaps"].as_array().is_some_and(|heaps| heaps.iter().any(|one| one["heap"] == **heap));
        complaints
            .extend((!listed && !value.is_empty()).then(|| format!("{heap} is not found by {value:?}")));
    }
    let mut new = BTreeMap::new();
    for session in sessions {
        let entries = entries(server, session);
        complaints.extend(complaints_about(session, &entries, known));
        // Those that are new, or may be: what follows the first acknowledged one, or else the last one.
        let first = known.entries.range((session.clone(), 0)..).find(|((name, _), _)| name == session);
        let from = first.map_or(entries.len().saturating_sub(1), |((_, index), _)| *index as usize);
        new.extend(
            entries
                .iter()
                .enumerate()
                .skip(from)
                .map(|(n, entry)| (text(entry, "output_heap").to_owned(), n + 1)),
        );
    }
    complaints.extend(complaints_about_heaps(server, &new));
    assert_none(&complaints);
}

/// Everything that was ever acknowledged, if not in every detail.
pub(super) fn all(server: &Server, known: &Acknowledged) {
    let (mut listed, mut cursor) = (BTreeSet::new(), String::new());
    loop {
        let page = server.get(&format!("/api/executions?limit=1000{cursor}")).expect(200);
        for item in page["executions"].as_array().expect("a list") {
            assert!(item["completed_at"].is_string(), "{item}");
            listed.insert(text(item, "execution_id").to_owned());
        }
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    let lost = known.executions.keys().filter(|id| !listed.contains(*id));
    let mut complaints: Vec<String> = lost.map(|id| format!("execution {id} is lost")).collect();
    let sessions = server.get("/api/sessions?limit=1000").expect(200);
    let sessions: Vec<&str> =
        sessions["sessions"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    for session in known.entries.keys().map(|(session, _)| session.as_str()).collect::<BTreeSet<_>>() {
        complaints.extend((!sessions.contains(&session)).then(|| format!("session {session} is not listed")));
    }
    let mut heaps = BTreeMap::new();
    for session in sessions {
        let entries = entries(server, session);
        complaints.extend(complaints_about(session, &entries, known));
        heaps.extend(
            entries.iter().enumerate().map(|(n, entry)| (text(entry, "output_heap").to_owned(), n + 1)),
        );
    }
    // A sample of the heaps: each of them was resumed in its round.
    let sample = heaps.into_iter().step_by(10).collect();
    complaints.extend(complaints_about_heaps(server, &sample));
    assert_none(&complaints);
}

/// All entries of a session; none if it does not exist.
fn entries(server: &Server, session: &str) -> Vec<Value> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let fields = "fields=index,input_heap,output_heap&limit=1000";
        let answer = server.get(&format!("/api/sessions/{}?{fields}{cursor}", session.replace(' ', "%20")));
        if answer.status == 404 {
            return all;
        }
        let mut page = answer.expect(200);
        all.append(page["entries"].as_array_mut().expect("a list"));
        let Some(next) = page["next_cursor"].as_str() else { return all };
        cursor = format!("&cursor={next}");
    }
}

/// Entries have no gaps, each goes on from the one before, and those that were acknowledged are there.
fn complaints_about(session: &str, entries: &[Value], known: &Acknowledged) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut before = &Value::Null;
    for (index, entry) in entries.iter().enumerate() {
        if entry["index"] != index || entry["input_heap"] != *before {
            complaints.push(format!("{session}: entry {index} is {entry} and follows {before}"));
        }
        before = &entry["output_heap"];
    }
    let of_it = known.entries.range((session.to_owned(), 0)..).take_while(|((name, _), _)| name == session);
    for ((_, index), heap) in of_it {
        let right = entries.get(*index as usize).is_some_and(|entry| entry["output_heap"] == **heap);
        complaints.extend(
            (!right).then(|| format!("{session}: entry {index} is lost; there are {}", entries.len())),
        );
    }
    complaints
}

/// Each heap resumes, and has counted as many runs as it should have.
fn complaints_about_heaps(server: &Server, heaps: &BTreeMap<String, usize>) -> Vec<String> {
    let heaps: Vec<_> = heaps.iter().collect();
    let check = |heaps: &[(&String, &usize)]| -> Vec<String> {
        let mut client = server.connect();
        let complaint = |(heap, runs): &(&String, &usize)| {
            let request = Request::post("/api/exec?wait=60").json(&json!({ "code": "n", "heap": heap }));
            let answer = client.ask(&request).expect("an answer");
            let right = answer.status == 200 && answer.json()["result"] == runs.to_string();
            (!right)
                .then(|| format!("heap {heap} after {runs} runs: {} {}", answer.status, answer.beginning()))
        };
        heaps.iter().filter_map(complaint).collect()
    };
    thread::scope(|scope| {
        let parts = heaps.chunks(heaps.len().div_ceil(2).max(1)).map(|part| scope.spawn(move || check(part)));
        let parts: Vec<_> = parts.collect();
        parts.into_iter().flat_map(|part| part.join().expect("a check does not panic")).collect()
    })
}
