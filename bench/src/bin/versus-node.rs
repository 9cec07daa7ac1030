//! Prints how fast processor-bound JavaScript is in a resumed heap, compared with Node.

#![expect(clippy::print_stdout, reason = "the table is what it is for")]

use stasis_bench::{BenchError, Machine, Workshop, versus_node::Comparison};

fn main() -> Result<(), BenchError> {
    stasis_worker::run_if_worker();
    let runtime = tokio::runtime::Runtime::new()?;
    let comparison = runtime.block_on(async {
        let workshop = Workshop::open(0).await?.warmed_up().await?;
        Comparison::measure(&workshop).await
    })?;
    println!("{}; Node {}\n\n{}", Machine::this(), comparison.node, comparison.table());
    Ok(())
}
