//! What scripts can reach, put together from what the operator allows.

use std::{path::PathBuf, sync::Arc};

use bytes::Bytes;
use stasis_broker::{
    Broker, FetchBroker, FetchLimits, FileBroker, FileOptions, HeaderRules, ModuleBroker, ModuleOptions,
    Outbound, OutboundOptions,
};
use stasis_core::Host;
use stasis_policy::{Policies, PolicyFlags, PolicySettings};
use stasis_wasm::WasmModules;
use stasis_worker::protocol::PreloadedModule;

use crate::{arguments::CapabilityArguments, failure::Failure};

/// What was asked for, read and found sound. Nothing is open yet.
#[derive(Debug)]
pub(crate) struct Plan {
    policies: Policies,
    header_rules: HeaderRules,
    /// Only if there is anything to be sent: it reads the system's certificates.
    outbound: Option<Outbound>,
    external_modules: Option<url::Url>,
    wasm: WasmModules,
}

impl Plan {
    /// Reads everything that the flags name.
    ///
    /// # Errors
    /// With file, line and reason, if any of it is wrong.
    pub(crate) fn read(arguments: &CapabilityArguments) -> Result<Self, Failure> {
        let settings = PolicySettings::from_flags(PolicyFlags {
            policies_json: arguments.policies_json.as_deref(),
            opa_url: arguments.opa_url.as_deref(),
            opa_fetch_policy: arguments.opa_fetch_policy.as_deref(),
        })?;
        let policies = Policies::start(&settings)?;
        let mut header_rules = HeaderRules::default();
        for rule in &arguments.fetch_header {
            header_rules.merge(rule.parse()?);
        }
        if let Some(file) = &arguments.fetch_header_config {
            header_rules.merge(HeaderRules::from_file(file)?);
        }
        if !header_rules.is_empty() && policies.fetch().is_none() {
            return Err(Failure::HeadersWithoutFetch);
        }
        let allow_private = arguments.fetch_allow_private;
        let sends = policies.fetch().is_some() || arguments.allow_external_modules;
        let outbound = sends
            .then(|| Outbound::new(OutboundOptions { allow_private, ..OutboundOptions::default() }))
            .transpose()?;
        let wasm = WasmModules::load(arguments.wasm_module.clone(), arguments.wasm_config.as_deref())?;
        let external_modules = arguments.allow_external_modules.then(|| arguments.module_base_url.clone());
        Ok(Self { policies, header_rules, outbound, external_modules, wasm })
    }

    /// WebAssembly modules for the base image.
    pub(crate) fn preload(&self) -> Vec<PreloadedModule> {
        let module = |module: &stasis_wasm::WasmModule| PreloadedModule {
            name: module.name().as_str().to_owned(),
            bytes: Bytes::copy_from_slice(module.bytes()),
            instantiate: !module.has_imports(),
        };
        self.wasm.iter().map(module).collect()
    }

    /// What those modules are called.
    pub(crate) fn wasm_names(&self) -> Vec<String> {
        self.wasm.iter().map(|module| module.name().as_str().to_owned()).collect()
    }

    /// The host of all runs. `folders` are the server's own, which no policy opens; what is fetched to be
    /// imported is kept in `cache`.
    pub(crate) fn host(
        &self,
        folders: Vec<PathBuf>,
        cache: Option<PathBuf>,
    ) -> Result<Arc<dyn Host>, Failure> {
        let outbound = self.outbound.as_ref();
        let fetch = self.policies.fetch().zip(outbound).map(|(policy, outbound)| {
            FetchBroker::new(policy, self.header_rules.clone(), outbound.clone(), FetchLimits::default())
        });
        let files = self.policies.filesystem().map(|policy| {
            FileBroker::new(policy, FileOptions { off_limits: folders, ..FileOptions::default() })
        });
        let modules = self.external_modules.clone().zip(outbound).map(|(base, outbound)| {
            let options = ModuleOptions {
                allow_external: true,
                policy: self.policies.modules(),
                base_url: base,
                cache_folder: cache,
                ..ModuleOptions::default()
            };
            ModuleBroker::new(outbound.clone(), options)
        });
        let modules = modules.transpose()?;
        Ok(Arc::new(Broker { fetch, files, modules }))
    }
}
