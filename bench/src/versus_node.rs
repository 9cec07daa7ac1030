//! The same kernels in a resumed heap and in Node.

use std::{io, process::Command};

use serde_json::Value;
use stasis_worker::pool::Start;

use crate::{BenchError, Table, Workshop};

/// Defines the kernels.
const KERNELS: &str = include_str!("../kernels/kernels.js");
/// Calls and times them; its value is JSON.
const MEASURE: &str = include_str!("../kernels/measure.js");
/// Both engines take turns, so that whatever else the machine does disturbs both.
const ROUNDS: usize = 7;

/// One kernel's times in milliseconds, each the median of all rounds.
#[derive(Debug, Clone)]
pub struct Kernel {
    /// The function's name.
    pub name: String,
    /// In Stasis.
    pub stasis: Times,
    /// In Node.
    pub node: Times,
}

/// Milliseconds of one call.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// The first call in a process.
    pub first: f64,
    /// A call after the engine has warmed up.
    pub warm: f64,
}

/// The kernels' times, and Node's version.
#[derive(Debug)]
pub struct Comparison {
    /// What `node --version` says.
    pub node: String,
    /// In the order of the file.
    pub kernels: Vec<Kernel>,
}

impl Comparison {
    /// Measures. Node is the `node` that is found first in `PATH`.
    ///
    /// # Errors
    /// If there is none, if either fails, or if a kernel computes something else in one of them.
    pub async fn measure(workshop: &Workshop) -> Result<Self, BenchError> {
        let node = node(&["--version"])?.trim().to_owned();
        let heap = workshop.heap(KERNELS).await?;
        let script = format!("{KERNELS}\nconst text = {MEASURE}\nconsole.log(text);");
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            ours.push(parse(&workshop.run(MEASURE, Start::Heap(heap), false).await?.text)?);
            theirs.push(parse(&self::node(&["--eval", &script])?)?);
        }
        let kernels =
            (0..ours[0].len()).map(|index| join(&ours, &theirs, index)).collect::<Result<_, _>>()?;
        Ok(Self { node, kernels })
    }

    /// Geometric mean of Node's time divided by ours, warm: above one, we are faster.
    pub fn warm_ratio(&self) -> f64 {
        geometric_mean(self.kernels.iter().map(|kernel| kernel.node.warm / kernel.stasis.warm))
    }

    /// The same of first calls.
    pub fn first_ratio(&self) -> f64 {
        geometric_mean(self.kernels.iter().map(|kernel| kernel.node.first / kernel.stasis.first))
    }

    /// A table in Markdown.
    pub fn table(&self) -> Table {
        let mut table = Table::new(&[
            "kernel",
            "Stasis, ms",
            "Node, ms",
            "Node / Stasis",
            "first call: Stasis, ms",
            "Node, ms",
            "Node / Stasis",
        ]);
        for Kernel { name, stasis, node } in &self.kernels {
            let numbers = [
                stasis.warm,
                node.warm,
                node.warm / stasis.warm,
                stasis.first,
                node.first,
                node.first / stasis.first,
            ];
            let cells: Vec<_> = numbers.iter().map(|number| format!("{number:.2}")).collect();
            table.row(&[std::slice::from_ref(name), &cells[..]].concat());
        }
        let mean = |ratio: f64| format!("**{ratio:.2}**");
        let mut last = vec![String::new(); 7];
        last[0] = "geometric mean".to_owned();
        last[3] = mean(self.warm_ratio());
        last[6] = mean(self.first_ratio());
        table.row(&last);
        table
    }
}

/// What one process measured of one kernel.
#[derive(Debug)]
struct Measured {
    name: String,
    check: f64,
    times: Times,
}

fn parse(text: &str) -> Result<Vec<Measured>, BenchError> {
    let kernels: Vec<Value> = serde_json::from_str(text)?;
    let number = |value: &Value, key: &str| value[key].as_f64().unwrap_or(f64::NAN);
    let measured = kernels.iter().map(|kernel| Measured {
        name: kernel["name"].as_str().unwrap_or_default().to_owned(),
        check: number(kernel, "check"),
        times: Times { first: number(kernel, "first"), warm: number(kernel, "warm") },
    });
    Ok(measured.collect())
}

fn join(ours: &[Vec<Measured>], theirs: &[Vec<Measured>], index: usize) -> Result<Kernel, BenchError> {
    let (our, their) = (&ours[0][index], &theirs[0][index]);
    if our.name != their.name || our.check != their.check {
        return Err(BenchError::Node(format!("{our:?} is not {their:?}")));
    }
    let times = |rounds: &[Vec<Measured>]| Times {
        first: median(rounds.iter().map(|round| round[index].times.first).collect()),
        warm: median(rounds.iter().map(|round| round[index].times.warm).collect()),
    };
    Ok(Kernel { name: our.name.clone(), stasis: times(ours), node: times(theirs) })
}

fn node(arguments: &[&str]) -> Result<String, BenchError> {
    let explain = |error: io::Error| BenchError::Node(error.to_string());
    let output = Command::new("node").args(arguments).output().map_err(explain)?;
    if !output.status.success() {
        return Err(BenchError::Node(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_unstable_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

fn geometric_mean(numbers: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = numbers.fold((0.0, 0), |(sum, count), number| (sum + number.ln(), count + 1));
    (sum / f64::from(count)).exp()
}
