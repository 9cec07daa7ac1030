//! Measures everything that the README promises, and prints tables in Markdown.
//!
//! With names of sections as arguments (`start fresh heaps freeze chain throughput node`), only those; with
//! `--samples N`, another number of samples than usual.

#![expect(clippy::print_stdout, reason = "the tables are what it is for")]

use std::{
    env,
    time::{Duration, Instant},
};

use stasis_bench::{
    ADD, BenchError, COUNT, Done, Machine, Samples, TYPESCRIPT, Table, Workshop, fill, time_zygote_start,
    versus_node::Comparison,
};
use stasis_worker::pool::Start;

const SAMPLES: usize = 300;
/// Runs before the first that counts.
const WARM_UP: usize = 20;
/// Megabytes of live objects.
const SIZES: [usize; 5] = [0, 1, 10, 50, 200];
/// How long throughput is measured.
const SPAN: Duration = Duration::from_secs(5);

fn main() -> Result<(), BenchError> {
    stasis_worker::run_if_worker();
    let arguments = Arguments::from_command_line();
    let machine = Machine::this();
    println!("{machine}; {} samples\n", arguments.samples);
    let runtime = tokio::runtime::Runtime::new()?;
    if arguments.wants("start") {
        println!("{}", runtime.block_on(processes(arguments.samples))?);
        println!("{}", runtime.block_on(pool_start(arguments.samples))?);
    }
    runtime.block_on(async {
        let workshop = Workshop::open(0).await?.warmed_up().await?;
        if arguments.wants("fresh") {
            println!("{}", fresh(&workshop, arguments.samples).await?);
        }
        if arguments.wants("heaps") {
            println!("{}", heaps(&workshop, arguments.samples).await?);
        }
        if arguments.wants("freeze") {
            println!("{}", freeze(&workshop, arguments.samples).await?);
        }
        if arguments.wants("chain") {
            println!("{}", long_chain(&workshop, arguments.samples).await?);
        }
        if arguments.wants("throughput") {
            println!("{}", throughput(&workshop, machine.processors()).await?);
        }
        if arguments.wants("node") {
            let comparison = Comparison::measure(&workshop).await?;
            println!("Node {}:\n\n{}", comparison.node, comparison.table());
        }
        Ok(())
    })
}

struct Arguments {
    samples: usize,
    sections: Vec<String>,
}

impl Arguments {
    fn from_command_line() -> Self {
        let mut sections: Vec<String> = env::args().skip(1).collect();
        let mut samples = SAMPLES;
        if let Some(at) = sections.iter().position(|argument| argument == "--samples") {
            samples = sections.get(at + 1).and_then(|text| text.parse().ok()).unwrap_or(SAMPLES).max(1);
            sections.drain(at..sections.len().min(at + 2));
        }
        Self { samples, sections }
    }

    fn wants(&self, section: &str) -> bool {
        self.sections.is_empty() || self.sections.iter().any(|wanted| wanted == section)
    }
}

fn times_table(first: &str) -> Table {
    Table::new(&[first, "median, ms", "p99, ms"])
}

fn add(table: &mut Table, what: &str, samples: &Samples) {
    table.row(&[what.to_owned(), milliseconds(samples.median()), milliseconds(samples.percentile(99))]);
}

fn milliseconds(time: Duration) -> String {
    format!("{:.2}", time.as_secs_f64() * 1000.0)
}

async fn processes(samples: usize) -> Result<Table, BenchError> {
    let mut table = times_table("process start until ready");
    let workshop = Workshop::open(0).await?;
    let (mut zygotes, mut boots) = (Vec::new(), Vec::new());
    for _ in 0..samples {
        zygotes.push(time_zygote_start()?);
        boots.push(workshop.time_boot().await?);
    }
    let both = zygotes.iter().zip(&boots).map(|(zygote, boot)| *zygote + *boot).collect();
    add(&mut table, "zygote", &Samples::of(zygotes));
    add(&mut table, "its child that boots from the start-up snapshot, no base image", &Samples::of(boots));
    add(&mut table, "one after the other", &Samples::of(both));
    Ok(table)
}

/// Few samples: every one of an empty folder hashes and stores a base image.
async fn pool_start(samples: usize) -> Result<Table, BenchError> {
    let mut table = times_table("pool start until ready");
    let (mut first, mut again) = (Vec::new(), Vec::new());
    for _ in 0..samples.div_ceil(20) {
        let begun = Instant::now();
        let workshop = Workshop::open(0).await?;
        first.push(begun.elapsed());
        for _ in 0..5 {
            let begun = Instant::now();
            workshop.reopen(0).await?;
            again.push(begun.elapsed());
        }
    }
    add(&mut table, "on an empty folder: boots, freezes and stores the base image", &Samples::of(first));
    add(&mut table, "with the base image there", &Samples::of(again));
    Ok(table)
}

/// Runs `code` again and again.
async fn repeat(
    workshop: &Workshop,
    code: &str,
    start: Start,
    samples: usize,
) -> Result<Vec<Done>, BenchError> {
    for _ in 0..WARM_UP {
        workshop.run(code, start, false).await?;
    }
    let mut done = Vec::with_capacity(samples);
    for _ in 0..samples {
        done.push(workshop.run(code, start, false).await?);
    }
    Ok(done)
}

fn samples_of(done: &[Done], time: impl Fn(&Done) -> Duration) -> Samples {
    Samples::of(done.iter().map(time).collect())
}

async fn fresh(workshop: &Workshop, samples: usize) -> Result<Table, BenchError> {
    let mut table = times_table("fresh run, stateless, from request to result");
    for (name, code) in [("`1+1`", ADD), ("300 bytes of TypeScript with await", TYPESCRIPT)] {
        let done = repeat(workshop, code, Start::Fresh, samples).await?;
        add(&mut table, name, &samples_of(&done, |done| done.total));
        add(&mut table, "… until the process has the job", &samples_of(&done, |done| done.timings.start));
        add(&mut table, "… from there to the result", &samples_of(&done, |done| done.timings.run));
    }
    Ok(table)
}

async fn heaps(workshop: &Workshop, samples: usize) -> Result<Table, BenchError> {
    let mut table = Table::new(&[
        "resume and `1+1`: live objects, MB",
        "image, MB",
        "stored, MB",
        "cold median, ms",
        "p99, ms",
        "hot median, ms",
        "p99, ms",
    ]);
    let hot_workshop = workshop.reopen(8).await?.warmed_up().await?;
    for size in SIZES {
        let heap = workshop.heap(&fill(size)).await?;
        let info = workshop.info(heap).await?;
        let megabytes = |bytes: u64| format!("{:.2}", bytes as f64 / 1e6);
        let mut row =
            vec![size.to_string(), megabytes(info.image_size.get()), megabytes(info.stored_size.get())];
        for workshop in [workshop, &hot_workshop] {
            let done = repeat(workshop, ADD, Start::Heap(heap), samples).await?;
            let total = samples_of(&done, |done| done.total);
            row.extend([milliseconds(total.median()), milliseconds(total.percentile(99))]);
        }
        table.row(&row);
        workshop.remove(heap).await?;
    }
    Ok(table)
}

async fn freeze(workshop: &Workshop, samples: usize) -> Result<Table, BenchError> {
    let mut table = Table::new(&[
        "run that is kept",
        "freeze median, ms",
        "p99, ms",
        "store median, ms",
        "p99, ms",
        "request to durable median, ms",
        "image, kB",
        "stored, kB",
    ]);
    let large = workshop.heap(&fill(50)).await?;
    let small = workshop.heap(COUNT).await?;
    let cases = [
        ("fresh, small", COUNT.to_owned(), Start::Fresh, samples),
        ("resumed, small", COUNT.to_owned(), Start::Heap(small), samples),
        ("fresh, makes 50 MB", fill(50), Start::Fresh, samples.div_ceil(10)),
        ("resumed 50 MB, small change", COUNT.to_owned(), Start::Heap(large), samples.div_ceil(10)),
    ];
    for (name, code, start, samples) in cases {
        let mut done = Vec::new();
        let mut sizes = Vec::new();
        for _ in 0..samples {
            let run = workshop.run(&code, start, true).await?;
            let heap = run.heap.ok_or(BenchError::NoHeap)?;
            let info = workshop.info(heap).await?;
            sizes.push((info.image_size.get(), info.stored_size.get()));
            workshop.remove(heap).await?;
            done.push(run);
        }
        sizes.sort_unstable();
        let (image, stored) = sizes[sizes.len() / 2];
        let freeze = samples_of(&done, |done| done.timings.freeze);
        let store = samples_of(&done, |done| done.timings.store);
        let times = [&freeze, &store].map(|samples| [samples.median(), samples.percentile(99)]);
        let mut row = vec![name.to_owned()];
        row.extend(times.as_flattened().iter().copied().map(milliseconds));
        row.push(milliseconds(samples_of(&done, |done| done.total).median()));
        row.extend([image, stored].map(|bytes| format!("{:.1}", bytes as f64 / 1e3)));
        table.row(&row);
    }
    Ok(table)
}

/// A session's heap must not grow by being used.
async fn long_chain(workshop: &Workshop, samples: usize) -> Result<Table, BenchError> {
    const PARTS: usize = 3;
    let mut table = Table::new(&[
        "chain of runs, each from the last",
        "start median, ms",
        "run median, ms",
        "freeze median, ms",
        "store median, ms",
        "request to durable median, ms",
        "last image, kB",
        "last stored, kB",
    ]);
    let mut heap = workshop.heap(COUNT).await?;
    let part = samples.div_ceil(PARTS);
    for from in (0..PARTS).map(|index| index * part) {
        let mut done = Vec::with_capacity(part);
        for _ in 0..part {
            let run = workshop.run(COUNT, Start::Heap(heap), true).await?;
            heap = run.heap.ok_or(BenchError::NoHeap)?;
            done.push(run);
        }
        let info = workshop.info(heap).await?;
        let times: [fn(&Done) -> Duration; 5] = [
            |done| done.timings.start,
            |done| done.timings.run,
            |done| done.timings.freeze,
            |done| done.timings.store,
            |done| done.total,
        ];
        let mut row = vec![format!("runs {} to {}", from + 1, from + part)];
        row.extend(times.map(|time| milliseconds(samples_of(&done, time).median())));
        row.extend([info.image_size, info.stored_size].map(|size| format!("{:.1}", size.get() as f64 / 1e3)));
        table.row(&row);
    }
    Ok(table)
}

async fn throughput(workshop: &Workshop, processors: usize) -> Result<Table, BenchError> {
    let mut table = Table::new(&["throughput of small runs", "in parallel", "runs/s"]);
    // With as many as there are processors these wait, now and then, for what goes from process to process.
    for parallel in [1, processors.max(2), processors.max(2) * 2] {
        for (name, keep) in [("fresh, stateless", false), ("resumed and saved, each from the last", true)] {
            let chains = (0..parallel).map(|_| chain(workshop, keep));
            let begun = Instant::now();
            let runs: usize = futures::future::try_join_all(chains).await?.iter().sum();
            let rate = runs as f64 / begun.elapsed().as_secs_f64();
            table.row(&[name.to_owned(), parallel.to_string(), format!("{rate:.0}")]);
        }
    }
    Ok(table)
}

/// Runs one after the other for [`SPAN`]; returns how many.
async fn chain(workshop: &Workshop, keep: bool) -> Result<usize, BenchError> {
    let begun = Instant::now();
    let mut start = if keep { Start::Heap(workshop.heap(COUNT).await?) } else { Start::Fresh };
    let mut runs = 0;
    while begun.elapsed() < SPAN {
        let done = workshop.run(if keep { COUNT } else { ADD }, start, keep).await?;
        if keep {
            start = Start::Heap(done.heap.ok_or(BenchError::NoHeap)?);
        }
        runs += 1;
    }
    Ok(runs)
}
