//! What is recorded: all events of this process, so that threads of others are heard, too.

use std::{
    fmt::{self, Write as _},
    sync::{Condvar, Mutex, Once},
    time::Duration,
};

use tracing::{Event, Subscriber, field::Field};
use tracing_subscriber::{
    Layer,
    layer::{Context, SubscriberExt as _},
    registry,
};

/// After this, an event does not come any more.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());
static MORE: Condvar = Condvar::new();

/// Begins to record.
pub(crate) fn record() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| tracing::subscriber::set_global_default(registry().with(Recorder)).unwrap());
}

/// All that was recorded up to now.
pub(crate) fn recorded() -> Vec<String> {
    LINES.lock().unwrap().clone()
}

/// Waits for an event that holds all these words, and gives it back.
pub(crate) fn wait_for(words: &[&str]) -> String {
    let find =
        |lines: &[String]| lines.iter().find(|line| words.iter().all(|word| line.contains(word))).cloned();
    let lines = LINES.lock().unwrap();
    let (lines, _) = MORE.wait_timeout_while(lines, PATIENCE, |lines| find(lines).is_none()).unwrap();
    find(&lines).unwrap_or_else(|| panic!("no event with {words:?} among {lines:#?}"))
}

struct Recorder;

impl<S: Subscriber> Layer<S> for Recorder {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut line = format!("{} {}", event.metadata().level(), event.metadata().target());
        event.record(&mut |field: &Field, value: &dyn fmt::Debug| {
            write!(line, " {field}={value:?}").unwrap();
        });
        LINES.lock().unwrap().push(line);
        MORE.notify_all();
    }
}
