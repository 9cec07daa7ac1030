//! Why a command failed, what people and programs are told, and the exit status.

use std::{
    error::Error,
    io::{self, Write as _},
    net::SocketAddr,
    path::PathBuf,
    process::ExitCode,
};

use stasis_core::{HeapId, StoreError};
use stasis_store::{DirectoryError, HeapError, KeyError};
use stasis_worker::pool::PoolError;

/// A command that could not do its work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("cannot read {path}: {source}")]
    Script { path: PathBuf, source: io::Error },
    #[error("no home directory: say where to keep heaps with --directory-path")]
    NoHome,
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Heap(#[from] HeapError),
    #[error(
        "heap {0} cannot be removed: it is the base image of this build of Stasis, from which runs start"
    )]
    OwnBase(HeapId),
    #[error(transparent)]
    Pool(#[from] PoolError),
    #[error(transparent)]
    Sessions(#[from] stasis_store::OpenError),
    #[error(transparent)]
    Refs(#[from] stasis_core::RefError),
    #[error(transparent)]
    PolicySettings(#[from] stasis_policy::SettingsError),
    #[error(transparent)]
    Policy(#[from] stasis_policy::PolicyError),
    #[error(transparent)]
    PolicyCheck(#[from] stasis_policy::CheckError),
    #[error(transparent)]
    HeaderRule(#[from] stasis_broker::HeaderRuleError),
    #[error("heaps cannot be kept on this kind of processor ({}): add --stateless", std::env::consts::ARCH)]
    NoHeapsHere,
    #[error("--fetch-header and --fetch-header-config need a fetch policy: --opa-url or --policies-json")]
    HeadersWithoutFetch,
    #[error(transparent)]
    Outbound(#[from] stasis_broker::OutboundSetupError),
    #[error(transparent)]
    Modules(#[from] stasis_broker::ModuleSetupError),
    #[error(transparent)]
    Wasm(#[from] stasis_wasm::LoadError),
    #[error(transparent)]
    Stdio(#[from] stasis_mcp::StdioError),
    #[error("cannot listen at {address}: {source}")]
    Listen { address: SocketAddr, source: io::Error },
    #[error("bad log filter: {0}")]
    LogFilter(#[from] tracing_subscriber::filter::ParseError),
    #[error("cannot measure: {0}")]
    Metrics(metrics_exporter_prometheus::BuildError),
    #[error("cannot start: {0}")]
    Runtime(io::Error),
    #[error("cannot write output: {0}")]
    Output(io::Error),
}

/// Exit statuses besides those of a script's own fate; documented in `stasis run --help`.
pub(crate) const USAGE: u8 = 2;
const ABSENT: u8 = 4;
const DAMAGED: u8 = 5;
const OTHER_BUILD: u8 = 6;
const NOT_SAVED: u8 = 7;
const INTERNAL: u8 = 70;

impl Failure {
    pub(crate) fn runtime(source: io::Error) -> Self {
        Self::Runtime(source)
    }

    /// Tells why on standard error.
    pub(crate) fn report(&self, json: bool) {
        let message = with_causes(self);
        let line = if json {
            serde_json::json!({ "error": message }).to_string()
        } else {
            format!("error: {message}")
        };
        // Nobody is left to tell that standard error is full or closed; the exit status says enough.
        let _unheard = writeln!(io::stderr(), "{line}");
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Key(KeyError::Other(_)) => DAMAGED,
            Self::Script { .. }
            | Self::NoHome
            | Self::Directory(_)
            | Self::Key(_)
            | Self::Sessions(_)
            | Self::Listen { .. }
            | Self::LogFilter(_)
            | Self::PolicySettings(_)
            | Self::Policy(_)
            | Self::PolicyCheck(_)
            | Self::HeaderRule(_)
            | Self::OwnBase(_)
            | Self::NoHeapsHere
            | Self::HeadersWithoutFetch
            | Self::Modules(_)
            | Self::Wasm(_)
            | Self::Pool(PoolError::Preload { .. }) => USAGE,
            Self::Heap(error) | Self::Pool(PoolError::Heap(error)) => heap_status(error),
            Self::Pool(PoolError::NotThawed(_)) => OTHER_BUILD,
            Self::Pool(_)
            | Self::Outbound(_)
            | Self::Stdio(_)
            | Self::Refs(_)
            | Self::Metrics(_)
            | Self::Runtime(_)
            | Self::Output(_) => INTERNAL,
        })
    }
}

/// An error with its causes, in one line.
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !message.contains(&text) {
            message.push_str(": ");
            message.push_str(&text);
        }
        cause = error.source();
    }
    message
}

fn heap_status(error: &HeapError) -> u8 {
    match error {
        HeapError::Absent(_) | HeapError::BaseAbsent { .. } => ABSENT,
        HeapError::Needed { .. } => USAGE,
        HeapError::Corrupt { .. } | HeapError::Forged(_) | HeapError::TooLarge { .. } => DAMAGED,
        HeapError::OtherFormat { .. } => OTHER_BUILD,
        HeapError::Store(StoreError::Full(_)) | HeapError::Changed => NOT_SAVED,
        HeapError::Io(error) if is_full(error) => NOT_SAVED,
        // That a run's own state is not saved is no failure of the command: see `not_saved`.
        HeapError::Io(_) | HeapError::Store(_) => INTERNAL,
    }
}

/// Whether there is no room for what was to be written.
fn is_full(error: &io::Error) -> bool {
    matches!(StoreError::from(io::Error::from(error.kind())), StoreError::Full(_))
}

/// The status for a run whose result stands but whose state could not be saved.
pub(crate) fn not_saved() -> ExitCode {
    ExitCode::from(NOT_SAVED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::State;

    #[test]
    fn where_no_heaps_can_be_kept_it_says_so() {
        let failure = Failure::NoHeapsHere;
        let message = format!(
            "heaps cannot be kept on this kind of processor ({}): add --stateless",
            std::env::consts::ARCH
        );
        assert_eq!(with_causes(&failure), message);
        assert_eq!(failure.exit_code(), ExitCode::from(USAGE));
    }

    #[test]
    fn only_a_full_disk_keeps_from_saving() {
        let check = |kind: io::ErrorKind, expect: u8| {
            let failure = Failure::from(HeapError::Io(kind.into()));
            assert_eq!(failure.exit_code(), ExitCode::from(expect), "{kind}");
        };
        check(io::ErrorKind::StorageFull, NOT_SAVED);
        check(io::ErrorKind::QuotaExceeded, NOT_SAVED);
        check(io::ErrorKind::PermissionDenied, INTERNAL);
        check(io::ErrorKind::Other, INTERNAL);
    }

    #[test]
    fn only_who_keeps_heaps_is_refused_where_none_can_be_kept() {
        for (stateless, can_keep, is_served) in
            [(false, false, false), (true, false, true), (false, true, true), (true, true, true)]
        {
            let checked = State::check_heaps_where(stateless, can_keep);
            assert_eq!(checked.is_ok(), is_served, "stateless {stateless}, can keep {can_keep}");
            assert!(matches!(checked, Ok(()) | Err(Failure::NoHeapsHere)), "{checked:?}");
        }
    }
}
