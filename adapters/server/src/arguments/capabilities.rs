//! The flags that say what scripts can reach. Without them, it is nothing.

use std::{fmt, path::PathBuf};

use clap::Args;
use stasis_broker::{HeaderRuleError, HeaderRules};
use stasis_wasm::ModuleSource;
use url::Url;

/// What scripts find besides the language, and what they may do with it.
#[derive(Debug, Clone, Args)]
pub(crate) struct CapabilityArguments {
    /// Policies for fetch, filesystem and modules: JSON, or the path of a file with it
    #[arg(long, value_name = "JSON|FILE", help_heading = CAPABILITIES)]
    pub(crate) policies_json: Option<String>,
    /// OPA server that decides about fetch, http:// or https://
    #[arg(long, value_name = "URL", help_heading = CAPABILITIES)]
    pub(crate) opa_url: Option<String>,
    /// What that server is asked for, below /v1/data/ [default: mcp/fetch]
    #[arg(long, value_name = "PATH", help_heading = CAPABILITIES)]
    pub(crate) opa_fetch_policy: Option<String>,
    /// Header for requests that fetch makes: host=HOST,header=NAME,value=VALUE[,methods=GET;POST]; repeatable
    #[arg(long, value_name = "RULE", help_heading = CAPABILITIES)]
    pub(crate) fetch_header: Vec<HeaderRuleText>,
    /// JSON file with such headers: [{"host": …, "methods": […], "headers": {…}}]
    #[arg(long, value_name = "FILE", help_heading = CAPABILITIES)]
    pub(crate) fetch_header_config: Option<PathBuf>,
    /// Let fetch and imports reach loopback, link-local and private addresses
    #[arg(long, help_heading = CAPABILITIES)]
    pub(crate) fetch_allow_private: bool,
    /// Let scripts import npm:, jsr:, https: and http: modules, gated by the modules policy if there is one
    #[arg(long, help_heading = CAPABILITIES)]
    pub(crate) allow_external_modules: bool,
    /// Where npm: and jsr: modules come from
    #[arg(long, value_name = "URL", default_value = "https://esm.sh", help_heading = CAPABILITIES)]
    pub(crate) module_base_url: Url,
    /// WebAssembly module that every run finds: NAME=PATH[:LIMIT], LIMIT in megabytes (1–4096); repeatable
    #[arg(long, value_name = "NAME=PATH", help_heading = CAPABILITIES)]
    pub(crate) wasm_module: Vec<ModuleSource>,
    /// JSON file with such modules: {"NAME": "PATH", …}
    #[arg(long, value_name = "FILE", help_heading = CAPABILITIES)]
    pub(crate) wasm_config: Option<PathBuf>,
}

const CAPABILITIES: &str = "What scripts can reach";

/// A rule as it was written. It is read later: what is wrong with it would be printed together with all of
/// it, and it holds a secret.
#[derive(Clone)]
pub(crate) struct HeaderRuleText(String);

impl HeaderRuleText {
    pub(crate) fn parse(&self) -> Result<HeaderRules, HeaderRuleError> {
        HeaderRules::parse_flag(&self.0)
    }
}

impl From<String> for HeaderRuleText {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for HeaderRuleText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("HeaderRuleText").finish_non_exhaustive()
    }
}
