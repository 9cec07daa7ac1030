//! `stasis run`: one script, its output, its fate.

use std::{
    env,
    fs::File,
    io::{self, IsTerminal, Read, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use serde_json::json;
use stasis_core::Outcome;
use stasis_worker::{
    pool::{Finished, Pool, RunRequest, Start},
    protocol::PreloadedModule,
};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::{
    arguments::RunArguments,
    capabilities::Plan,
    console::Console,
    environment::Environment,
    failure::{Failure, not_saved, with_causes},
    local_modules::LocalModules,
    signals,
    state::State,
};

/// Largest script, in bytes.
const MAX_SCRIPT: u64 = 16 << 20;

const THREW: u8 = 1;
const LIMIT_HIT: u8 = 3;

struct Script {
    name: String,
    code: String,
    /// Where its imports may lead.
    root: Option<PathBuf>,
}

pub(crate) async fn run(arguments: RunArguments, environment: &Environment) -> Result<ExitCode, Failure> {
    State::check_heaps(arguments.stateless)?;
    let script = read_script(&arguments.file)?;
    let plan = Plan::read(&arguments.capabilities)?;
    let state = State::open(&arguments.store, environment)?;
    if let Some(heap) = arguments.heap {
        // Before anything is started: a wrong heap is the caller's to mend.
        let image = state.heaps.open(heap).await?;
        state.heaps.open_base(&image).await?;
    }
    let host = plan.host(vec![state.directory.clone()], Some(state.module_cache()))?;
    let pool = start_pool(&arguments, &state, plan.preload()).await?;
    let request = RunRequest {
        name: script.name,
        code: script.code,
        limits: arguments.limits.limits(),
        start: arguments.heap.map_or(Start::Fresh, Start::Heap),
        keep: !arguments.stateless,
        capabilities: host.capabilities(),
    };
    let script_ended = CancellationToken::new();
    let mut console = Console::new(arguments.json, script_ended.clone());
    let mut host = LocalModules::new(script.root, host.attend());
    let cancelled = signals::interrupt(script_ended);
    let finished = pool.run(&request, &mut console, &mut host, cancelled).await?;
    report(&finished, console.collected).map_err(Failure::Output)?;
    Ok(exit_code(&finished))
}

async fn start_pool(
    arguments: &RunArguments,
    state: &State,
    preload: Vec<PreloadedModule>,
) -> Result<Pool, Failure> {
    let mut options = state.pool_options(arguments.require_sandbox, preload);
    // There is one run.
    options.spare_runs = 0;
    let first = !Pool::base_image_exists(&options, &state.heaps).await;
    let progress = (first && !arguments.json && io::stderr().is_terminal()).then(|| {
        let spinner = indicatif::ProgressBar::new_spinner();
        spinner.set_message("preparing the base image (once for each version of Stasis)");
        spinner.enable_steady_tick(Duration::from_millis(80));
        spinner
    });
    let pool = Pool::start(options, state.heaps.clone()).await?;
    if let Some(progress) = progress {
        progress.finish_and_clear();
    }
    let layers = pool.layers();
    if !layers.complete() {
        let warning = format!("the script is not confined as it should be: {layers}");
        let line = match arguments.json {
            true => serde_json::json!({ "warning": warning }).to_string(),
            false => format!("warning: {warning}"),
        };
        // The script's fate does not hang on it.
        let _unheard = writeln!(io::stderr(), "{line}");
    }
    Ok(pool)
}

fn read_script(path: &Path) -> Result<Script, Failure> {
    let explain = |source| Failure::Script { path: path.to_owned(), source };
    if path == Path::new("-") {
        let code = read_code(io::stdin()).map_err(explain)?;
        return Ok(Script { name: "stdin".to_owned(), code, root: None });
    }
    let file = File::open(path).map_err(explain)?;
    let metadata = file.metadata().map_err(explain)?;
    if metadata.is_dir() {
        return Err(explain(io::ErrorKind::IsADirectory.into()));
    }
    let code = read_code(file).map_err(explain)?;
    let own_path = path.canonicalize().ok().filter(|_| metadata.is_file());
    // A pipe, or a file whose name is gone, is in no folder that modules could be imported from.
    let Some(own_path) = own_path else {
        return Ok(Script { name: path.display().to_string(), code, root: None });
    };
    let name = Url::from_file_path(&own_path).map_or_else(|()| own_path.display().to_string(), String::from);
    Ok(Script { name, code, root: Some(import_root(&own_path)) })
}

fn read_code(from: impl Read) -> io::Result<String> {
    let mut code = Vec::new();
    from.take(MAX_SCRIPT + 1).read_to_end(&mut code)?;
    if code.len() as u64 > MAX_SCRIPT {
        return Err(io::Error::other(format!("it is larger than {} MB", MAX_SCRIPT >> 20)));
    }
    String::from_utf8(code).map_err(|_| io::Error::other("it is not UTF-8 text"))
}

/// Imports may lead anywhere below the working directory, or below the script's own folder if the
/// script is somewhere else.
fn import_root(script: &Path) -> PathBuf {
    let working = env::current_dir().and_then(|path| path.canonicalize()).ok();
    let folder = script.parent().unwrap_or(script);
    working.filter(|working| script.starts_with(working)).unwrap_or_else(|| folder.to_owned())
}

fn report(finished: &Finished, collected: Option<String>) -> io::Result<()> {
    let heap = match &finished.heap {
        Some(Ok(heap)) => Some(heap.to_string()),
        Some(Err(_)) | None => None,
    };
    let heap_error = match &finished.heap {
        Some(Err(error)) => Some(with_causes(error)),
        Some(Ok(_)) | None => None,
    };
    if let Some(output) = collected {
        let status = finished.outcome.status().as_str();
        let (result, error) = match finished.outcome.clone().into_result() {
            Ok(result) => (Some(result), None),
            Err(error) => (None, Some(error)),
        };
        let timings = &finished.timings;
        let milliseconds = |duration: Duration| duration.as_secs_f64() * 1000.0;
        let answer = json!({
            "status": status, "result": result, "error": error, "output": output,
            "heap": heap, "heap_error": heap_error,
            "timings_ms": {
                "start": milliseconds(timings.start), "run": milliseconds(timings.run),
                "freeze": milliseconds(timings.freeze), "store": milliseconds(timings.store),
            },
        });
        return writeln!(io::stdout(), "{answer}");
    }
    match &finished.outcome {
        Outcome::Returned(text) => writeln!(io::stdout(), "{text}")?,
        Outcome::Threw(thrown) => writeln!(io::stderr(), "{thrown}")?,
        Outcome::Stopped(reason) => writeln!(io::stderr(), "{reason}")?,
    }
    if let Some(heap) = heap {
        writeln!(io::stderr(), "heap {heap}")?;
    }
    if let Some(error) = heap_error {
        writeln!(io::stderr(), "error: the state was not saved: {error}")?;
    }
    Ok(())
}

fn exit_code(finished: &Finished) -> ExitCode {
    match (&finished.outcome, &finished.heap) {
        (Outcome::Returned(_), Some(Err(_))) => not_saved(),
        (Outcome::Returned(_), _) => ExitCode::SUCCESS,
        (Outcome::Threw(_), _) => ExitCode::from(THREW),
        (Outcome::Stopped(_), _) => ExitCode::from(LIMIT_HIT),
    }
}
