//! Several policies that decide together.

use std::{sync::Arc, time::Instant};

use async_trait::async_trait;
use serde_json::Value;

use crate::{
    Decision, Denial, Policy, Section, decision_log,
    opa::OpaServer,
    rego::{LocalPolicy, Reloader},
    settings::Mode,
};

/// The policies of a section. Each decision is recorded.
#[derive(Debug)]
pub(crate) struct Chain {
    pub(crate) section: Section,
    pub(crate) mode: Mode,
    pub(crate) links: Vec<Link>,
    /// Keeps local files up to date as long as they are asked.
    #[expect(dead_code, reason = "it is held, and does the rest itself")]
    pub(crate) reloader: Option<Arc<Reloader>>,
}

/// One policy.
#[derive(Debug)]
pub(crate) enum Link {
    Server(OpaServer),
    Local(Arc<LocalPolicy>),
}

#[async_trait]
impl Policy for Chain {
    async fn decide(&self, input: &Value) -> Decision {
        let start = Instant::now();
        let (decision, policy) = if self.links.is_empty() {
            let reason = format!("the {} section lists no policies, which denies everything", self.section);
            (Decision::failed(reason), String::new())
        } else {
            match self.mode {
                Mode::All => self.ask_all(input).await,
                Mode::Any => self.ask_any(input).await,
            }
        };
        decision_log::record(self.section, &policy, input, &decision, start.elapsed());
        decision
    }
}

impl Chain {
    /// Asks one after the other, until one denies. Says who decided, too.
    async fn ask_all(&self, input: &Value) -> (Decision, String) {
        for link in &self.links {
            let decision = link.ask(input).await;
            if decision != Decision::Allowed {
                return (decision, link.name());
            }
        }
        (Decision::Allowed, self.names())
    }

    /// Asks one after the other, until one allows. Says who decided, too. If none does, what was wrong with
    /// each is the reason; a plain no among them needs none.
    async fn ask_any(&self, input: &Value) -> (Decision, String) {
        let mut reasons: Vec<String> = Vec::new();
        for link in &self.links {
            match link.ask(input).await {
                Decision::Allowed => return (Decision::Allowed, link.name()),
                Decision::Denied(denial) => {
                    reasons.extend(denial.reason.filter(|reason| !reasons.contains(reason)));
                }
            }
        }
        let reason = (!reasons.is_empty()).then(|| reasons.join("; "));
        (Decision::Denied(Denial { reason }), self.names())
    }

    fn names(&self) -> String {
        self.links.iter().map(Link::name).collect::<Vec<_>>().join(", ")
    }
}

impl Link {
    async fn ask(&self, input: &Value) -> Decision {
        match self {
            Self::Server(server) => server.ask(input).await,
            Self::Local(policy) => policy.ask(input).await,
        }
    }

    /// The rule or document that is asked for.
    fn name(&self) -> String {
        match self {
            Self::Server(server) => server.document().to_owned(),
            Self::Local(policy) => policy.rule(),
        }
    }
}
