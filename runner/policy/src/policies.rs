//! The operator's policies, started.

use std::{io, sync::Arc};

use crate::{
    BundleError, Policy, PolicySettings, Section, SourceError,
    chain::{Chain, Link},
    opa::{self, OpaServer},
    rego::{Bundle, Evaluators, LocalPolicy, Reloader},
    settings::Source,
};

/// The policies of all sections.
///
/// Local files are read again when they change, as long as this or one of the policies that it handed out
/// is kept.
#[derive(Debug, Clone, Default)]
pub struct Policies {
    fetch: Option<Arc<dyn Policy>>,
    filesystem: Option<Arc<dyn Policy>>,
    modules: Option<Arc<dyn Policy>>,
}

/// Why policies cannot be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// A local policy cannot be read or makes no sense.
    #[error("the {section} policy is broken: {source}")]
    Broken {
        /// Whose policy.
        section: Section,
        /// File, line and reason.
        source: BundleError,
    },
    /// An entry does not fit into its section.
    #[error("the {section} policy is wrong: {source}")]
    Source {
        /// Whose policy.
        section: Section,
        /// What does not fit.
        source: SourceError,
    },
    /// The client for policy servers cannot be made; its certificates are missing, for example.
    #[error("no client for policy servers can be made")]
    Client(#[source] reqwest::Error),
    /// The thread that watches the files cannot be started.
    #[error("the thread that watches policy files cannot be started")]
    Thread(#[source] io::Error),
}

impl Policies {
    /// Reads and compiles what is local. Servers are not asked anything: they may come later.
    ///
    /// # Errors
    /// If a local policy is broken, with file, line and reason.
    pub fn start(settings: &PolicySettings) -> Result<Self, PolicyError> {
        let mut starting = Starting::default();
        let fetch = starting.links(settings, Section::Fetch)?;
        let filesystem = starting.links(settings, Section::Filesystem)?;
        let modules = starting.links(settings, Section::Modules)?;

        let reloader = match starting.local {
            local if local.is_empty() => None,
            local => Some(Arc::new(Reloader::start(local).map_err(PolicyError::Thread)?)),
        };
        let chain = |section, links: Option<Vec<Link>>| {
            let (mode, links) = (settings.chain(section)?.mode, links?);
            Some(Arc::new(Chain { section, mode, links, reloader: reloader.clone() }) as Arc<dyn Policy>)
        };
        Ok(Self {
            fetch: chain(Section::Fetch, fetch),
            filesystem: chain(Section::Filesystem, filesystem),
            modules: chain(Section::Modules, modules),
        })
    }

    /// Who decides about requests; none if there is no `fetch` for scripts.
    pub fn fetch(&self) -> Option<Arc<dyn Policy>> {
        self.fetch.clone()
    }

    /// Who decides about files; none if there is no `fs` for scripts.
    pub fn filesystem(&self) -> Option<Arc<dyn Policy>> {
        self.filesystem.clone()
    }

    /// Who decides about modules; none if no section says so.
    pub fn modules(&self) -> Option<Arc<dyn Policy>> {
        self.modules.clone()
    }
}

/// What the sections share while they are started.
#[derive(Default)]
struct Starting {
    client: Option<reqwest::Client>,
    evaluators: Evaluators,
    local: Vec<(Arc<LocalPolicy>, Bundle)>,
}

impl Starting {
    /// The policies of a section, in order; none if the section is not there.
    fn links(
        &mut self,
        settings: &PolicySettings,
        section: Section,
    ) -> Result<Option<Vec<Link>>, PolicyError> {
        let Some(chain) = settings.chain(section) else { return Ok(None) };
        chain.policies.iter().map(|source| self.link(source, section)).collect::<Result<_, _>>().map(Some)
    }

    fn link(&mut self, source: &Source, section: Section) -> Result<Link, PolicyError> {
        match source {
            Source::Server(server) => {
                let client = self.client()?;
                OpaServer::new(client, server, section)
                    .map(Link::Server)
                    .map_err(|source| PolicyError::Source { section, source })
            }
            Source::Local(local) => {
                let (policy, bundle) = LocalPolicy::start(local, section, self.evaluators.clone())
                    .map_err(|source| PolicyError::Broken { section, source })?;
                let policy = Arc::new(policy);
                self.local.push((policy.clone(), bundle));
                Ok(Link::Local(policy))
            }
        }
    }

    /// One client for all servers, made when there is one: it loads the system's certificates.
    fn client(&mut self) -> Result<reqwest::Client, PolicyError> {
        if self.client.is_none() {
            self.client = Some(opa::client().map_err(PolicyError::Client)?);
        }
        Ok(self.client.clone().expect("it was made a line above"))
    }
}
