//! What the numbers were measured on.

use std::{fmt, fs, thread};

/// A description of this machine.
#[derive(Debug)]
pub struct Machine {
    processor: String,
    processors: usize,
    memory_gib: u64,
    kernel: String,
}

impl Machine {
    /// Asks the kernel. What it does not say is called unknown.
    pub fn this() -> Self {
        let kilobytes: Option<u64> =
            value("/proc/meminfo", "MemTotal").and_then(|text| text.strip_suffix(" kB")?.parse().ok());
        Self {
            processor: value("/proc/cpuinfo", "model name").unwrap_or_else(unknown),
            processors: thread::available_parallelism().map_or(0, usize::from),
            memory_gib: (kilobytes.unwrap_or(0) + (1 << 19)) >> 20,
            kernel: read("/proc/sys/kernel/osrelease").unwrap_or_else(unknown),
        }
    }

    /// How many processors this process may use.
    pub fn processors(&self) -> usize {
        self.processors
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { processor, processors, memory_gib, kernel } = self;
        write!(f, "{processor}, {processors} processors, {memory_gib} GiB, Linux {kernel}")
    }
}

fn read(path: &str) -> Option<String> {
    Some(fs::read_to_string(path).ok()?.trim().to_owned())
}

/// The value of the first line `key: value`.
fn value(path: &str, key: &str) -> Option<String> {
    let text = read(path)?;
    let (_, value) = text.lines().filter_map(|line| line.split_once(':')).find(|(k, _)| k.trim() == key)?;
    Some(value.trim().to_owned())
}

fn unknown() -> String {
    "unknown".to_owned()
}
