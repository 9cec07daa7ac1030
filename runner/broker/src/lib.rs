//! The host's side of what scripts ask for: `fetch`, files, and modules. Each call is put to its policy
//! in a normal form, then carried out here, in the server's process; the script's process has neither
//! sockets nor files nor secrets.

mod blocking;
mod broker;
mod fetch;
mod files;
mod header_rules;
mod modules;
mod outbound;
mod url_parts;

pub use broker::Broker;
pub use fetch::{FetchBroker, FetchLimits, FetchRun};
pub use files::{FileBroker, FileLimits, FileOptions, FileRun};
pub use header_rules::{HeaderRuleError, HeaderRuleFault, HeaderRules};
pub use modules::{ModuleBroker, ModuleLimits, ModuleOptions, ModuleRun, ModuleSetupError};
pub use outbound::{
    Outbound, OutboundError, OutboundOptions, OutboundRequest, OutboundResponse, OutboundSetupError,
    Resolver, SystemResolver,
};
