//! Telling whoever waits for an execution what it prints, line by line.

#![expect(deprecated, reason = "revision 2026-07-28 discourages log messages, and still has them")]

use std::time::Duration;

use rmcp::{model::LoggingLevel, service::ServiceError};
use stasis_api::{Api, ApiError, OutputArguments};
use stasis_core::{ConsoleLevel, ExecutionId, OutputLength};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::{logging::Listener, resources::output_uri};

/// How often it is looked whether there is something new.
const EVERY: Duration = Duration::from_millis(200);
/// How long the last lines may take to find their way when the execution has ended: a client that does not
/// read has its answer then.
const LAST_LINES: Duration = Duration::from_secs(5);
/// Bytes that are read at once; a line that is longer is told in pieces.
const PAGE: u64 = 16 << 10;
/// The most lines that are told while one waits.
const MAX_LINES: u64 = 1000;
/// The most bytes of a console that are looked through while one waits.
const MAX_BYTES: u64 = 256 << 10;

/// What of a console is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// All of it.
    Whole,
    /// What is printed from now on.
    New,
    /// Nothing: somebody else is told.
    Nothing,
}

/// Tells of an execution's lines until `ended` is cancelled, the last ones included, as far as the bounds
/// allow.
pub(crate) async fn tell(
    api: &Api,
    id: ExecutionId,
    part: Part,
    (listener, task): (&Listener, Option<ExecutionId>),
    ended: &CancellationToken,
) {
    let following = async {
        let at = match part {
            Part::Nothing => return Ok(()),
            Part::Whole => OutputLength::default(),
            Part::New => match api.executions().record(id).await {
                Ok(Some(record)) => record.output,
                // Whoever waits is told why there is none.
                Ok(None) | Err(_) => return Ok(()),
            },
        };
        if !listener.listens(ended).await {
            return Ok(());
        }
        let logger = format!("execution/{id}");
        Teller { api, id, logger, listener, task, at, told: 0, begun: at, level: None }.follow(ended).await
    };
    let too_late = async {
        ended.cancelled().await;
        tokio::time::sleep(LAST_LINES).await;
    };
    tokio::select! {
        biased;
        followed = following => if let Err(error) = followed {
            tracing::debug!(error = &error as &dyn std::error::Error, "nobody learns what is printed");
        },
        () = too_late => tracing::debug!("the client does not read what is printed"),
    }
}

/// Why nothing more is told.
#[derive(Debug, thiserror::Error)]
enum TellError {
    #[error(transparent)]
    Unreachable(#[from] ServiceError),
    #[error(transparent)]
    Unreadable(#[from] ApiError),
}

/// Goes through a console.
struct Teller<'a> {
    api: &'a Api,
    id: ExecutionId,
    logger: String,
    listener: &'a Listener,
    task: Option<ExecutionId>,
    begun: OutputLength,
    /// What has been looked through.
    at: OutputLength,
    /// Lines that were told.
    told: u64,
    /// The severity of the line of which the beginning was looked at.
    level: Option<LoggingLevel>,
}

impl Teller<'_> {
    async fn follow(mut self, ended: &CancellationToken) -> Result<(), TellError> {
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let is_over = tokio::select! {
                biased;
                () = ended.cancelled() => true,
                _ = ticks.tick() => false,
            };
            if is_over || self.has_news().await? {
                self.tell_news(is_over).await?;
            }
            if is_over {
                return self.tell_of_the_rest().await;
            }
            if self.room() == 0 {
                ended.cancelled().await;
            }
        }
    }

    /// Bytes that may still be looked through.
    const fn room(&self) -> u64 {
        if self.told < MAX_LINES { MAX_BYTES.saturating_sub(self.at.bytes - self.begun.bytes) } else { 0 }
    }

    async fn has_news(&self) -> Result<bool, TellError> {
        let record = self.api.executions().record(self.id).await.map_err(ApiError::from)?;
        Ok(record.is_some_and(|record| record.output.bytes > self.at.bytes))
    }

    /// Tells what can be read; of a line that is not whole only `is_over`, or if it is too long to be so.
    async fn tell_news(&mut self, is_over: bool) -> Result<(), TellError> {
        while self.room() > 0 {
            let part = OutputArguments {
                byte_offset: Some(self.at.bytes),
                byte_limit: Some(self.room().min(PAGE)),
                ..OutputArguments::default()
            };
            let page = self.api.output(self.id, part).await?;
            let text = match page.data.rfind('\n') {
                Some(last) => &page.data[..=last],
                None if is_over || page.has_more => &page.data,
                None => "",
            };
            if text.is_empty() {
                break;
            }
            for line in text.split_inclusive('\n') {
                self.tell_line(line).await?;
                if self.room() == 0 {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Tells a line, or a piece of one.
    async fn tell_line(&mut self, line: &str) -> Result<(), TellError> {
        let level = *self.level.get_or_insert_with(|| level_of(line));
        if self.listener.wants(level) {
            self.send(level, line.strip_suffix('\n').unwrap_or(line)).await?;
            self.told += 1;
        }
        self.at.bytes += line.len() as u64;
        if line.ends_with('\n') {
            self.at.lines += 1;
            self.level = None;
        }
        Ok(())
    }

    /// Says what was left out because of the bounds, if that is anything.
    async fn tell_of_the_rest(&self) -> Result<(), TellError> {
        if self.room() > 0 {
            return Ok(());
        }
        let next = OutputArguments {
            byte_offset: Some(self.at.bytes),
            byte_limit: Some(1),
            ..OutputArguments::default()
        };
        let total = self.api.output(self.id, next).await?.total_lines;
        let (first, left) = (self.at.lines + 1, total.saturating_sub(self.at.lines));
        if left == 0 {
            return Ok(());
        }
        let severities = [LoggingLevel::Warning, LoggingLevel::Error];
        let Some(level) = severities.into_iter().find(|level| self.listener.wants(*level)) else {
            return Ok(());
        };
        let text = format!(
            "{left} lines are left out here, from line {first} on: read them with get_execution_output \
             (execution_id {id}, line_offset {first}) or as {uri}?line_offset={first}",
            id = self.id,
            uri = output_uri(&self.id.to_string()),
        );
        self.send(level, &text).await
    }

    async fn send(&self, level: LoggingLevel, text: &str) -> Result<(), TellError> {
        Ok(self.listener.tell(level, &self.logger, text, self.task).await?)
    }
}

/// How severe a line is: of how it was printed, only the prefix is kept.
fn level_of(line: &str) -> LoggingLevel {
    let is = |level: ConsoleLevel| line.starts_with(level.prefix());
    if is(ConsoleLevel::Error) {
        LoggingLevel::Error
    } else if is(ConsoleLevel::Warn) {
        LoggingLevel::Warning
    } else {
        LoggingLevel::Info
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_as_severe_as_the_method_that_printed_it() {
        let check = |line: &str, expect: LoggingLevel| assert_eq!(level_of(line), expect, "{line}");
        check("[ERROR] no\n", LoggingLevel::Error);
        check("[WARN] hm\n", LoggingLevel::Warning);
        check("[INFO] so\n", LoggingLevel::Info);
        check("plain\n", LoggingLevel::Info);
        check("\n", LoggingLevel::Info);
        check(" [ERROR] not at the beginning\n", LoggingLevel::Info);
    }
}
