//! What is asked, how often, and how long the answers take.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use hdrhistogram::Histogram;
use tokio::{task::JoinSet, time::Instant};

use crate::{LoadError, client::Client, server::Server};

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A fresh run that leaves nothing.
    Stateless,
    /// A session's latest heap is resumed, and what the run leaves is stored and logged. Each connection
    /// has a session of its own.
    Stateful,
}

/// How often.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pace {
    /// At these times, whatever the server does.
    Constant {
        /// Requests.
        per_second: u32,
    },
    /// Each connection as soon as it has an answer.
    Saturating {
        /// Connections.
        connections: usize,
    },
}

/// What came of it.
pub(crate) struct Measured {
    pub(crate) ok: u64,
    pub(crate) failed: u64,
    /// In microseconds.
    pub(crate) latency: Histogram<u64>,
    pub(crate) span: Duration,
}

/// Connections that send at a constant rate: so many answers may be late at a time.
const CONNECTIONS: usize = 64;
/// What does not count, so that sessions exist and processes are warm.
const WARM_UP: Duration = Duration::from_secs(2);
/// The longest latency that is told apart, in microseconds.
const LONGEST: u64 = 120_000_000;

impl Kind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Stateless => "stateless",
            Self::Stateful => "stateful",
        }
    }

    const fn code(self) -> &'static str {
        match self {
            Self::Stateless => "1 + 1",
            Self::Stateful => "globalThis.n = (globalThis.n ?? 0) + 1",
        }
    }
}

/// The times at which requests are to be sent.
struct Schedule {
    begin: Instant,
    end: Instant,
    /// None: whenever somebody asks.
    interval: Option<Duration>,
    next: AtomicU64,
}

impl Schedule {
    /// The next time; none if it is over.
    fn next(&self) -> Option<Instant> {
        let at = match self.interval {
            Some(interval) => {
                let number = self.next.fetch_add(1, Ordering::Relaxed);
                self.begin + Duration::from_nanos(interval.as_nanos() as u64 * number)
            }
            None => Instant::now(),
        };
        (at < self.end).then_some(at)
    }
}

pub(crate) async fn measure(
    server: &Server,
    kind: Kind,
    pace: Pace,
    span: Duration,
) -> Result<Measured, LoadError> {
    let (connections, interval) = match pace {
        Pace::Constant { per_second } => (CONNECTIONS, Some(Duration::from_secs(1) / per_second)),
        Pace::Saturating { connections } => (connections, None),
    };
    let mut clients = Vec::new();
    for number in 0..connections {
        clients.push((Client::connect(server.address).await?, format!("session-{number}")));
    }
    let (clients, _) = load(clients, kind, interval, WARM_UP).await?;
    Ok(load(clients, kind, interval, span).await?.1)
}

type Clients = Vec<(Client, String)>;

async fn load(
    clients: Clients,
    kind: Kind,
    interval: Option<Duration>,
    span: Duration,
) -> Result<(Clients, Measured), LoadError> {
    let begin = Instant::now();
    let schedule = Arc::new(Schedule { begin, end: begin + span, interval, next: AtomicU64::new(0) });
    let mut tasks = JoinSet::new();
    for (mut client, session) in clients {
        let schedule = schedule.clone();
        let mut latency = histogram()?;
        tasks.spawn(async move {
            let (mut ok, mut failed) = (0, 0);
            while let Some(at) = schedule.next() {
                tokio::time::sleep_until(at).await;
                let session = (kind == Kind::Stateful).then_some(&*session);
                match client.run(kind.code(), session).await {
                    Ok(()) => {
                        ok += 1;
                        latency.saturating_record(at.elapsed().as_micros() as u64);
                    }
                    Err(_) => failed += 1,
                }
            }
            ((client, session), Measured { ok, failed, latency, span })
        });
    }
    let mut all = Measured { ok: 0, failed: 0, latency: histogram()?, span };
    let mut clients = Vec::new();
    for (client, measured) in tasks.join_all().await {
        all.ok += measured.ok;
        all.failed += measured.failed;
        // Both have the same bounds.
        all.latency += measured.latency;
        clients.push(client);
    }
    all.span = begin.elapsed();
    Ok((clients, all))
}

fn histogram() -> Result<Histogram<u64>, hdrhistogram::CreationError> {
    Histogram::new_with_bounds(1, LONGEST, 3)
}
