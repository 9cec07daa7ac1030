//! What a script prints, for a terminal or collected for JSON.

use std::io::{self, Write};

use stasis_core::{ConsoleLevel, engine::RunEvents};
use tokio_util::sync::CancellationToken;

/// Passes console text on at once, or collects it.
pub(crate) struct Console {
    /// The whole output, if it is to be part of a JSON answer.
    pub(crate) collected: Option<String>,
    /// Told when the script has ended.
    script_ended: CancellationToken,
}

impl Console {
    pub(crate) fn new(collect: bool, script_ended: CancellationToken) -> Self {
        Self { collected: collect.then(String::new), script_ended }
    }
}

impl RunEvents for Console {
    fn console(&mut self, level: ConsoleLevel, text: &str) {
        let line = format!("{}{text}\n", level.prefix());
        match &mut self.collected {
            Some(collected) => collected.push_str(&line),
            None => {
                // A closed pipe (`stasis run … | head`) is not the script's fault.
                let _closed = if level.is_error() {
                    io::stderr().write_all(line.as_bytes())
                } else {
                    io::stdout().write_all(line.as_bytes())
                };
            }
        }
    }

    fn ended(&mut self) {
        self.script_ended.cancel();
    }
}
