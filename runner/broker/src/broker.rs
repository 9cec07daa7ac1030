//! The parts together, as the host that runs know.

use futures::future::BoxFuture;
use stasis_core::{Capabilities, Host, HostCall, HostResult, NoHost, RunHost};

use crate::{FetchBroker, FetchRun, FileBroker, FileRun, ModuleBroker, ModuleRun};

/// Carries out what scripts ask for; what there is no part for is refused.
#[derive(Debug, Default)]
pub struct Broker {
    /// For `fetch`.
    pub fetch: Option<FetchBroker>,
    /// For `fs`.
    pub files: Option<FileBroker>,
    /// For what scripts import from elsewhere.
    pub modules: Option<ModuleBroker>,
}

impl Host for Broker {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            fetch: self.fetch.is_some(),
            files: self.files.is_some(),
            modules: self.modules.is_some(),
        }
    }

    fn attend(&self) -> Box<dyn RunHost> {
        Box::new(BrokerRun {
            fetch: self.fetch.as_ref().map(FetchBroker::attend),
            files: self.files.as_ref().map(FileBroker::attend),
            modules: self.modules.as_ref().map(ModuleBroker::attend),
        })
    }
}

/// One run's side of a [`Broker`].
struct BrokerRun {
    fetch: Option<FetchRun>,
    files: Option<FileRun>,
    modules: Option<ModuleRun>,
}

impl RunHost for BrokerRun {
    fn call(&mut self, call: HostCall) -> BoxFuture<'static, HostResult> {
        let Self { fetch, files, modules } = self;
        match (call, fetch, files, modules) {
            (HostCall::Fetch { fetch, request }, Some(run), _, _) => run.fetch(fetch, request),
            (HostCall::WriteBody { fetch, chunk }, Some(run), _, _) => run.write_body(fetch, chunk),
            (HostCall::ReadBody { fetch }, Some(run), _, _) => run.read_body(fetch),
            (HostCall::CloseFetch { fetch }, Some(run), _, _) => run.close_fetch(fetch),
            (HostCall::File(call), _, Some(run), _) => run.call(call),
            (HostCall::LoadModule(url), _, _, Some(run)) => run.load(url),
            (refused, _, _, _) => NoHost.call(refused),
        }
    }
}
