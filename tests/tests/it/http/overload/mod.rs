//! Three times what the server can do, for half a minute: it does what it can, and refuses the rest at once.

mod generator;

use std::{thread, time::Duration};

use super::{Server, client::Request};
use crate::support;
use generator::{Arrival, Report};

/// Clients that wait for each answer before they ask again.
const CLIENTS: usize = 6;
/// Overload without a pause, in which memory must not grow.
const SUSTAINED: Duration = Duration::from_secs(30);
/// What is left of the peak is measured in as much overload again, in parts, each of which is compared with the peak
/// just before and just behind it; the median counts. The processors may be somebody else's for a while.
const PARTS: usize = 15;
const PART: Duration = Duration::from_secs(2);
/// A miss that is the server's comes again.
const ATTEMPTS: usize = 3;
/// How much more than the peak is asked for.
const FACTOR: f64 = 3.0;
/// The least of the peak that is left under overload: of what the processors can do that the generator leaves to the
/// server, for it makes three times the requests on the same ones.
const GOODPUT: f64 = 0.9;
/// What a median of so many parts may be wrong by: single ones are between 70 and 125 % on two processors, whose speed
/// changes from second to second, which leaves their median uncertain by two to three.
const UNCERTAINTY: f64 = 0.04;
/// The longest that a refusal may take, at the 99th percentile.
const REFUSAL: Duration = Duration::from_millis(50);
/// The most memory that the server may take more at the end than after a third of the time, in kilobytes.
const GROWTH: u64 = 64 << 10;
/// The most memory that it may take at all, in kilobytes.
const MEMORY: u64 = 512 << 10;

#[test]
#[ignore = "needs the processors for itself: `cargo xtask test` runs it alone, `-- --ignored` by hand"]
fn overload_is_refused_and_costs_little() {
    assert_bounded(&warmed_up(&[]));
    // A long queue takes most of a short part to fill, in which nobody is refused.
    let server = warmed_up(&["--queue-max", "64"]);
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

/// A server whose caches the first moments have filled.
fn warmed_up(flags: &[&str]) -> Server {
    let server = Server::stateless(&[&["--log", "error"], flags].concat());
    closed(&server, PART);
    server
}

/// Clients that wait for each answer before they ask again.
fn closed(server: &Server, time: Duration) -> Report {
    generator::load(server.address, &request(), Arrival::Closed(CLIENTS), time)
}

fn request() -> Vec<u8> {
    Request::post("/api/exec?wait=60").json(&super::run("1 + 1")).bytes("localhost")
}

/// More than the peak that was just measured.
fn open(server: &Server, peak: &Report, time: Duration) -> Report {
    generator::load(server.address, &request(), Arrival::Open(peak.goodput() * FACTOR), time)
}

/// Under sustained overload the server's memory stays within bounds.
#[track_caller]
fn assert_bounded(server: &Server) {
    // A slow moment is not the peak, and three times that may be no overload.
    let peaks = (0..3).map(|_| closed(server, PART));
    let peak = peaks.max_by(|one, other| one.goodput().total_cmp(&other.goodput())).expect("three");
    // In kilobytes.
    let mut memory = Vec::new();
    let over = thread::scope(|scope| {
        let overload = scope.spawn(|| open(server, &peak, SUSTAINED));
        while !overload.is_finished() {
            memory.push(server.memory());
            thread::sleep(Duration::from_millis(500));
        }
        overload.join().expect("a report")
    });
    let [early, late] = [memory.len() / 3, memory.len() - 1].map(|at| memory[at]);
    let most = memory.iter().copied().max().unwrap_or_default();
    let left = over.goodput_per_processor() / peak.goodput_per_processor();
    let round = Round { left: vec![left], peak, over };
    let figures = format!(
        "{}; memory {} to {late} kB, {early} after a third, at most {most}",
        round.figures(),
        memory[0]
    );
    support::note(&figures);
    round.assert_sound();
    assert!(most < MEMORY && late < early + GROWTH, "{figures}");
}

/// The peak and the overload, in turns.
#[derive(Default)]
struct Round {
    peak: Report,
    over: Report,
    /// What each part left of the peak, in order.
    left: Vec<f64>,
}

impl Round {
    fn measure(server: &Server) -> Self {
        let mut round = Self::default();
        let mut before = closed(server, PART);
        for _ in 0..PARTS {
            let over = open(server, &before, PART);
            let behind = closed(server, PART);
            let around = [&before, &behind].map(Report::goodput_per_processor);
            round.left.push(over.goodput_per_processor() / f64::midpoint(around[0], around[1]));
            round.over.add(over);
            round.peak.add(std::mem::replace(&mut before, behind));
        }
        round.peak.add(before);
        round.left.sort_by(f64::total_cmp);
        round
    }

    /// What of the peak was left, usually.
    fn left(&self) -> f64 {
        self.left[self.left.len() / 2]
    }

    /// What holds whoever else uses the processors.
    #[track_caller]
    fn assert_sound(&self) {
        let figures = self.figures();
        assert!(self.over.refusal_rate() > 0.0 && self.over.others == 0, "{figures}");
    }

    /// What may be missed because of them.
    fn misses(&self) -> Vec<String> {
        let slow = self.over.refusal(0.99) >= REFUSAL;
        let little = self.left() < GOODPUT - UNCERTAINTY;
        let miss = |what: &str| format!("{what}: {}", self.figures());
        let (slow, little) = (slow.then(|| miss("slow refusals")), little.then(|| miss("little goodput")));
        slow.into_iter().chain(little).collect()
    }

    fn figures(&self) -> String {
        let Self { peak, over, left } = self;
        format!(
            "peak {:.0}/s; offered {:.0}/s: goodput {:.0}/s, {:.0} % of the peak for what the generator left, {:.0} to \
             {:.0} % in single parts; it took {:.2} and {:.2} processors; p50 {:?}, p99 {:?}; refused {:.0}/s, p50 {:?}, \
             p99 {:?}, longest {:?}; the generator was late by {:?} at p99",
            peak.goodput(),
            over.offered(),
            over.goodput(),
            self.left() * 100.0,
            left[0] * 100.0,
            left[left.len() - 1] * 100.0,
            peak.own_share(),
            over.own_share(),
            over.completion(0.5),
            over.completion(0.99),
            over.refusal_rate(),
            over.refusal(0.5),
            over.refusal(0.99),
            over.refusal(1.0),
            over.lateness(0.99),
        )
    }
}
