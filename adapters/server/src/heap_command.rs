//! `stasis heap`: what is stored.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use serde_json::{Value, json};
use stasis_core::{Fingerprint, HeapId};
use stasis_image::Program;
use stasis_store::{HeapError, HeapInfo, HeapStore};
use stasis_worker::pool::PoolError;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{
    arguments::{HeapCommand, HeapListArguments},
    environment::Environment,
    failure::Failure,
    state::State,
};

pub(crate) async fn run(command: HeapCommand, environment: &Environment) -> Result<ExitCode, Failure> {
    match command {
        HeapCommand::Ls(list) => ls(list, environment).await?,
        HeapCommand::Show(one) => {
            let state = State::open(&one.store, environment)?;
            let info = state.heaps.info(one.heap).await?.ok_or(HeapError::Absent(one.heap))?;
            let text = if one.json { as_json(&info).to_string() } else { shown(&info) };
            print(&text)?;
        }
        HeapCommand::Rm(one) => {
            let state = State::open(&one.store, environment)?;
            remove(&state.heaps, one.heap).await?;
            print(&if one.json {
                json!({ "removed": one.heap.to_string() }).to_string()
            } else {
                format!("removed {}", one.heap)
            })?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Removes a heap that nothing needs: no stored heap, and no server that may be running.
async fn remove(heaps: &HeapStore, id: HeapId) -> Result<(), Failure> {
    // Who is told of stored heaps knows what to remove first.
    if is_own_base(heaps, id).await? && heaps.count_dependents(id).await? == 0 {
        return Err(Failure::OwnBase(id));
    }
    if heaps.remove(id).await? { Ok(()) } else { Err(HeapError::Absent(id).into()) }
}

/// Whether fresh runs of this build may start from this image. A server keeps its base image open: what it saves after
/// the image was removed would refer to nothing.
async fn is_own_base(heaps: &HeapStore, id: HeapId) -> Result<bool, Failure> {
    // What is damaged is not started from.
    let Ok(Some(info)) = heaps.info(id).await else { return Ok(false) };
    let build = Program::current().map_err(PoolError::from)?.fingerprint();
    Ok(info.base.is_none() && info.fingerprint == Fingerprint::from_bytes(build))
}

async fn ls(arguments: HeapListArguments, environment: &Environment) -> Result<(), Failure> {
    let state = State::open(&arguments.store, environment)?;
    let (mut readable, mut damaged) = (Vec::new(), Vec::new());
    for (id, info) in state.heaps.list().await? {
        match info {
            Ok(info) => readable.push(info),
            Err(error) => damaged.push((id, error)),
        }
    }
    readable.sort_by_key(|info| info.created.get());
    if arguments.json {
        let damaged = damaged.iter().map(damaged_json);
        let all: Vec<Value> = readable.iter().map(as_json).chain(damaged).collect();
        return print(&Value::Array(all).to_string());
    }
    if !readable.is_empty() {
        print(&row("HEAP", "STORED", "BASE", "CREATED", "FINGERPRINT"))?;
    }
    for info in &readable {
        let base = info.base.map_or_else(|| "none".to_owned(), |base| shortened(&base));
        let (id, stored) = (info.id.to_string(), info.stored_size.to_string());
        print(&row(&id, &stored, &base, &created(info), &shortened(&info.fingerprint)))?;
    }
    for (id, error) in &damaged {
        print(&format!("{id}  {error}"))?;
    }
    Ok(())
}

/// Ids are given whole, as commands take them; what is only compared by eye is not.
fn row(heap: &str, stored: &str, base: &str, created: &str, fingerprint: &str) -> String {
    format!("{heap:64}  {stored:>10}  {base:SHORT$}  {created:24}  {fingerprint}")
}

/// Digits of an id or a fingerprint that tell it from others in a list.
const SHORT: usize = 12;

fn shortened(whole: &impl ToString) -> String {
    let mut digits = whole.to_string();
    digits.truncate(SHORT);
    digits
}

fn print(line: &str) -> Result<(), Failure> {
    writeln!(io::stdout(), "{line}").map_err(Failure::Output)
}

fn shown(info: &HeapInfo) -> String {
    let base = info.base.map_or_else(|| "none: it is a base image".to_owned(), |base| base.to_string());
    [
        format!("heap         {}", info.id),
        format!("created      {}", created(info)),
        format!("image        {}", info.image_size),
        format!("stored       {}", info.stored_size),
        format!("base         {base}"),
        format!("fingerprint  {}", info.fingerprint),
    ]
    .join("\n")
}

fn as_json(info: &HeapInfo) -> Value {
    json!({
        "heap": info.id.to_string(),
        "created": created(info),
        "image_bytes": info.image_size.get(),
        "stored_bytes": info.stored_size.get(),
        "base": info.base.map(|base| base.to_string()),
        "fingerprint": info.fingerprint.to_string(),
    })
}

fn damaged_json((id, error): &(HeapId, HeapError)) -> Value {
    json!({ "heap": id.to_string(), "error": error.to_string() })
}

fn created(info: &HeapInfo) -> String {
    let nanoseconds = i128::from(info.created.get()) * 1_000_000;
    OffsetDateTime::from_unix_timestamp_nanos(nanoseconds)
        .ok()
        .and_then(|time| time.format(&Rfc3339).ok())
        .unwrap_or_else(|| "unknown".to_owned())
}
