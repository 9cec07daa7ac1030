//! Three times what the server can do, for half a minute: it does what it can, and refuses the rest at once.

mod generator;

use std::{thread, time::Duration};

use super::{Server, client::Request};
use crate::support;
use generator::{Arrival, Report};

/// Clients that wait for each answer before they ask again.
const CLIENTS: usize = 6;
/// Overload lasts for half a minute, in parts, with the peak measured before, between and behind them: the processors
/// may be somebody else's for a while.
const PARTS: usize = 5;
const OVERLOAD: Duration = Duration::from_secs(6);
const PEAK: Duration = Duration::from_secs(3);
/// Whoever else uses the processors changes what can be reached: a miss that is the server's comes again.
const ATTEMPTS: usize = 3;
/// How much more than the peak is asked for.
const FACTOR: f64 = 3.0;
/// The least of the peak that is left under overload: of what the processors can do that the generator leaves to the
/// server, for it makes three times the requests on the same ones.
const GOODPUT: f64 = 0.9;
/// The longest that a refusal may take, at the 99th percentile.
const REFUSAL: Duration = Duration::from_millis(50);
/// The most memory that the server may take more at the end than after a third of the time, in kilobytes.
const GROWTH: u64 = 64 << 10;
/// The most memory that it may take at all, in kilobytes.
const MEMORY: u64 = 512 << 10;

#[test]
#[ignore = "needs the processors for itself: `cargo xtask test` runs it alone, `-- --ignored` by hand"]
fn overload_is_refused_and_costs_little() {
    let server = Server::stateless(&["--log", "error"]);
    // The first moments fill caches.
    closed(&server, Duration::from_secs(2));
    let mut misses = Vec::new();
    for _ in 0..ATTEMPTS {
        let round = Round::measure(&server);
        support::note(&round.figures());
        round.assert_sound();
        if round.misses().is_empty() {
            return server.assert_serves();
        }
        misses.extend(round.misses());
    }
    support::assert_none(&misses);
}

/// Clients that wait for each answer before they ask again.
fn closed(server: &Server, time: Duration) -> Report {
    generator::load(server.address, &request(), Arrival::Closed(CLIENTS), time)
}

fn request() -> Vec<u8> {
    Request::post("/api/exec?wait=60").json(&super::run("1 + 1")).bytes("localhost")
}

/// The peak and the overload, in turns.
struct Round {
    peak: Report,
    over: Report,
    /// The server's memory over the time of overload, in kilobytes.
    memory: Vec<u64>,
}

impl Round {
    fn measure(server: &Server) -> Self {
        let mut round = Self { peak: closed(server, PEAK), over: Report::default(), memory: Vec::new() };
        let mut rate = round.peak.goodput() * FACTOR;
        for _ in 0..PARTS {
            thread::scope(|scope| {
                let load = || generator::load(server.address, &request(), Arrival::Open(rate), OVERLOAD);
                let overload = scope.spawn(load);
                while !overload.is_finished() {
                    round.memory.push(server.memory());
                    thread::sleep(Duration::from_millis(500));
                }
                round.over.add(overload.join().expect("a report"));
            });
            let peak = closed(server, PEAK);
            rate = peak.goodput() * FACTOR;
            round.peak.add(peak);
        }
        round
    }

    /// What of the peak was left.
    fn left(&self) -> f64 {
        self.over.goodput_per_processor() / self.peak.goodput_per_processor()
    }

    /// What holds whoever else uses the processors.
    #[track_caller]
    fn assert_sound(&self) {
        let figures = self.figures();
        assert!(self.over.refusal_rate() > 0.0 && self.over.others == 0, "{figures}");
        let [early, late] = [self.memory.len() / 3, self.memory.len() - 1].map(|at| self.memory[at]);
        assert!(self.memory.iter().max() < Some(&MEMORY) && late < early + GROWTH, "{figures}");
    }

    /// What may be missed because of them.
    fn misses(&self) -> Vec<String> {
        let slow = self.over.refusal(0.99) >= REFUSAL;
        let little = self.left() < GOODPUT;
        let miss = |what: &str| format!("{what}: {}", self.figures());
        let (slow, little) = (slow.then(|| miss("slow refusals")), little.then(|| miss("little goodput")));
        slow.into_iter().chain(little).collect()
    }

    fn figures(&self) -> String {
        let Self { peak, over, memory } = self;
        format!(
            "peak {:.0}/s; offered {:.0}/s: goodput {:.0}/s, {:.0} % of the peak for what the generator left; it took \
             {:.2} and {:.2} processors; p50 {:?}, p99 {:?}; refused {:.0}/s, p50 {:?}, p99 {:?}, longest {:?}; the \
             generator was late by {:?} at p99; memory {} to {} MB, at most {} MB",
            peak.goodput(),
            over.offered(),
            over.goodput(),
            self.left() * 100.0,
            peak.own_share(),
            over.own_share(),
            over.completion(0.5),
            over.completion(0.99),
            over.refusal_rate(),
            over.refusal(0.5),
            over.refusal(0.99),
            over.refusal(1.0),
            over.lateness(0.99),
            memory[0] >> 10,
            memory[memory.len() - 1] >> 10,
            memory.iter().max().map_or(0, |most| most >> 10),
        )
    }
}
