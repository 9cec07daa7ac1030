//! A load generator that takes little of the processors: one thread, many connections.

use std::{
    collections::VecDeque,
    fs,
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    buffer::spare_capacity,
    event::{Timespec, epoll},
    fd::OwnedFd,
};

/// The most connections.
const CONNECTIONS: usize = 6000;
/// What is due within this time is sent together, and what has arrived is read together, as network cards do it: a
/// generator that wakes for each of them takes the processors from the server more often than a network would.
const TICK: Duration = Duration::from_millis(2);

/// When requests are made.
#[derive(Debug, Clone, Copy)]
pub(super) enum Arrival {
    /// By so many clients, each of which waits for its answer.
    Closed(usize),
    /// So many in a second, whatever becomes of them.
    Open(f64),
}

/// How long requests took, by what became of them.
#[derive(Debug, Default)]
pub(super) struct Report {
    completed: Vec<Duration>,
    refused: Vec<Duration>,
    late: Vec<Duration>,
    /// Answers that are neither.
    pub(super) others: usize,
    completed_in_time: usize,
    time: Duration,
    /// How long the generator was on a processor.
    own: Duration,
}

impl Report {
    /// Takes in what else was measured in the same way.
    pub(super) fn add(&mut self, other: Self) {
        let times = [
            (&mut self.completed, other.completed),
            (&mut self.refused, other.refused),
            (&mut self.late, other.late),
        ];
        for (all, more) in times {
            all.extend(more);
            all.sort_unstable();
        }
        self.others += other.others;
        self.completed_in_time += other.completed_in_time;
        self.time += other.time;
        self.own += other.own;
    }

    /// Requests that were made, per second.
    pub(super) fn offered(&self) -> f64 {
        self.late.len() as f64 / self.time.as_secs_f64()
    }

    /// Refusals per second.
    pub(super) fn refusal_rate(&self) -> f64 {
        self.refused.len() as f64 / self.time.as_secs_f64()
    }

    /// Runs that completed, per second.
    pub(super) fn goodput(&self) -> f64 {
        self.completed_in_time as f64 / self.time.as_secs_f64()
    }

    /// Of one processor, the share that the generator took.
    pub(super) fn own_share(&self) -> f64 {
        self.own.as_secs_f64() / self.time.as_secs_f64()
    }

    /// Runs that completed, per second and processor that the generator left to the server.
    pub(super) fn goodput_per_processor(&self) -> f64 {
        let processors = thread::available_parallelism().map_or(1.0, |count| count.get() as f64);
        self.goodput() / (processors - self.own_share())
    }

    /// How long runs took.
    pub(super) fn completion(&self, quantile: f64) -> Duration {
        at(&self.completed, quantile)
    }

    /// How long refusals took.
    pub(super) fn refusal(&self, quantile: f64) -> Duration {
        at(&self.refused, quantile)
    }

    /// How long after their time requests were sent.
    pub(super) fn lateness(&self, quantile: f64) -> Duration {
        at(&self.late, quantile)
    }
}

fn at(times: &[Duration], quantile: f64) -> Duration {
    let last = times.len().saturating_sub(1) as f64;
    times.get((last * quantile).round() as usize).copied().unwrap_or_default()
}

struct Connection {
    stream: TcpStream,
    sent: Instant,
    answer: Vec<u8>,
}

struct Generator<'a> {
    address: SocketAddr,
    request: &'a [u8],
    epoll: OwnedFd,
    connections: Vec<Connection>,
    /// Those that wait for nothing, the one that has been idle longest first.
    idle: VecDeque<usize>,
    report: Report,
    end: Instant,
}

/// Makes requests for so long, and waits for all answers.
pub(super) fn load(address: SocketAddr, request: &[u8], arrival: Arrival, time: Duration) -> Report {
    let begun = Instant::now();
    let mut generator = Generator {
        address,
        request,
        epoll: epoll::create(epoll::CreateFlags::CLOEXEC).expect("epoll"),
        connections: Vec::new(),
        idle: VecDeque::new(),
        report: Report { time, ..Report::default() },
        end: begun + time,
    };
    let before = on_processor();
    generator.run(arrival, begun).expect("the server answers");
    let mut report = generator.report;
    report.own = on_processor() - before;
    for times in [&mut report.completed, &mut report.refused, &mut report.late] {
        times.sort_unstable();
    }
    report
}

/// How long this thread has been on a processor: the first number of Linux
/// `Documentation/scheduler/sched-stats.rst`, "/proc/<pid>/schedstat", in nanoseconds.
fn on_processor() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").expect("the kernel counts");
    let first = text.split(' ').next().and_then(|number| number.parse().ok());
    Duration::from_nanos(first.expect("a number"))
}

impl Generator<'_> {
    fn run(&mut self, arrival: Arrival, begun: Instant) -> io::Result<()> {
        let mut sent: u64 = 0;
        let mut events = Vec::with_capacity(1024);
        loop {
            let now = Instant::now();
            let due = match arrival {
                Arrival::Closed(clients) => (self.busy() < clients).then_some(now),
                Arrival::Open(rate) => Some(begun + Duration::from_secs_f64(sent as f64 / rate)),
            };
            let due = due.filter(|due| *due < self.end && now < self.end);
            match due {
                Some(due) if due <= now => {
                    self.send(due)?;
                    sent += 1;
                    // Answers are read now and then, however late the generator is.
                    if !sent.is_multiple_of(32) {
                        continue;
                    }
                }
                None if self.busy() == 0 => return Ok(()),
                _ => {}
            }
            let patience = match due {
                Some(due) => {
                    if due > now {
                        thread::sleep(TICK);
                    }
                    Duration::ZERO
                }
                // All requests are made, or each client waits for its answer.
                None => Duration::from_secs(60),
            };
            let patience = Timespec::try_from(patience).expect("short");
            events.clear();
            epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&patience))?;
            for event in &events {
                self.receive(event.data.u64() as usize)?;
            }
        }
    }

    fn busy(&self) -> usize {
        self.connections.len() - self.idle.len()
    }

    fn send(&mut self, due: Instant) -> io::Result<()> {
        // The connection used last would leave others idle until the server closes them.
        let at = match self.idle.pop_front() {
            Some(at) => at,
            None => self.connect()?,
        };
        let connection = &mut self.connections[at];
        connection.sent = Instant::now();
        self.report.late.push(connection.sent - due);
        // A request is shorter than any buffer.
        connection.stream.write_all(self.request)
    }

    fn connect(&mut self) -> io::Result<usize> {
        let at = self.connections.len();
        assert!(at < CONNECTIONS, "the server keeps {at} requests waiting");
        let stream = TcpStream::connect(self.address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        epoll::add(&self.epoll, &stream, epoll::EventData::new_u64(at as u64), epoll::EventFlags::IN)?;
        self.connections.push(Connection { stream, sent: Instant::now(), answer: Vec::new() });
        Ok(at)
    }

    fn receive(&mut self, at: usize) -> io::Result<()> {
        let connection = &mut self.connections[at];
        let mut part = [0; 4096];
        let length = match connection.stream.read(&mut part) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        };
        connection.answer.extend_from_slice(&part[..length]);
        let Some(status) = complete(&connection.answer) else { return Ok(()) };
        let now = Instant::now();
        let took = now - connection.sent;
        match status {
            b"200" => {
                self.report.completed.push(took);
                self.report.completed_in_time += usize::from(now <= self.end);
            }
            b"429" => self.report.refused.push(took),
            _ => self.report.others += 1,
        }
        connection.answer.clear();
        self.idle.push_back(at);
        Ok(())
    }
}

/// The status of an answer, if all of it is there.
fn complete(answer: &[u8]) -> Option<&'static [u8]> {
    let head = answer.windows(4).position(|end| end == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&answer[..head]).ok()?;
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: "))?;
    if answer.len() < head + length.parse::<usize>().ok()? {
        return None;
    }
    let known: [&[u8]; 2] = [b"200", b"429"];
    Some(known.into_iter().find(|status| answer[9..].starts_with(status)).unwrap_or(b"?"))
}
