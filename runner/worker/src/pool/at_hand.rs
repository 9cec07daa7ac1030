//! Which pages of a new base image scripts use: found out by running one, so that templates have them at hand.

use std::{fs::File, io, time::Duration};

use stasis_core::{
    Capabilities, Limits,
    engine::{Job as RunRequest, StartState as Start},
};

use stasis_image::LearnError;

use super::{
    Inner, PoolError,
    run::job,
    waiting::{Forked, Order},
    within,
};
use crate::protocol::{FromWorker, ToWorker};

/// A script that does what most scripts do, and little that others do not: a page that is at hand for nothing
/// costs a little in every run.
const TYPICAL: &str = "interface Item { name: string; count: number }
const items: Item[] = [{ name: 'a', count: 1 }, { name: 'b', count: 2 }];
const total = items.map((item) => item.count).reduce((a, b) => a + b, 0);
const later = await Promise.resolve(JSON.stringify({ total }));
console.log(`${later.length}`, items[0]);
total";

/// How long that may take; it takes some hundredths of a second.
pub(super) const LEARNING: Duration = Duration::from_secs(10);

/// Why nothing was learned.
#[derive(Debug, thiserror::Error)]
enum ProbeError {
    #[error(transparent)]
    Run(#[from] PoolError),
    #[error(transparent)]
    Pages(#[from] LearnError),
}

impl Inner {
    /// Runs a typical script on an image that has no name yet, and notes in it what the script used. Without that
    /// the image is as good, and runs are slower.
    ///
    /// # Errors
    /// If the image cannot be written; it is worthless then.
    pub(super) async fn learn_pages_at_hand(&self, image: &File) -> io::Result<()> {
        let learned = match self.try_to_learn(image).await {
            // Somebody may have killed it; the image will be used for long.
            Err(ProbeError::Run(PoolError::Worker(_))) => self.try_to_learn(image).await,
            other => other,
        };
        match learned {
            Ok(pages) => tracing::debug!(pages, "pages that runs have at hand"),
            Err(ProbeError::Pages(LearnError::Write(error))) => return Err(error),
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "no pages of the base image are at hand: runs are slower");
            }
        }
        Ok(())
    }

    async fn try_to_learn(&self, image: &File) -> Result<u64, ProbeError> {
        let probe = within(LEARNING, self.probe(image)).await?;
        let (_, pagemap) = probe.child.open_memory_maps().map_err(PoolError::System)?;
        Ok(stasis_image::learn_pages_at_hand(image, &pagemap)?)
    }

    /// A process that has run the script and waits.
    async fn probe(&self, image: &File) -> Result<Forked, PoolError> {
        let job = ToWorker::Run(job(&RunRequest {
            name: "stasis:typical".to_owned(),
            code: TYPICAL.to_owned(),
            limits: Limits::default(),
            start: Start::Fresh,
            // It waits when it has returned, so that its memory can be looked at.
            keep: true,
            capabilities: Capabilities::default(),
        }));
        let image = image.try_clone().map_err(PoolError::System)?;
        let mut probe = self.make(&Order::probe(image, &job)).await?;
        loop {
            match probe.connection.receive().await? {
                FromWorker::Started | FromWorker::Console { .. } => {}
                FromWorker::Returned(_) => break,
                other => return Err(PoolError::unexpected(&other)),
            }
        }
        Ok(probe)
    }
}
