//! A web server that answers as a test tells it to, and remembers what it was asked.

use std::{
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

/// How long anybody may keep a connection waiting.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server that runs until it is dropped.
pub(super) struct Web {
    pub(super) address: SocketAddr,
    seen: Arc<Seen>,
}

/// What has happened at a server.
#[derive(Default)]
pub(super) struct Seen {
    asked: Mutex<Vec<Asked>>,
    /// Bytes of bodies that were handed to the network.
    written: AtomicU64,
    /// Requests that are being answered.
    open: AtomicU64,
    /// The most there have been at once.
    most_open: AtomicU64,
    stopped: AtomicBool,
}

/// A request without its body.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) method: String,
    /// With the query.
    pub(super) path: String,
    pub(super) headers: Vec<(String, String)>,
}

/// A request that is to be answered.
pub(super) struct Exchange {
    pub(super) asked: Asked,
    stream: BufReader<TcpStream>,
    seen: Arc<Seen>,
}

impl Web {
    /// A server that answers each request as `handler` does. Each connection serves one.
    pub(super) fn start(handler: impl Fn(&mut Exchange) -> io::Result<()> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("it is bound");
        let (seen, handler) = (Arc::new(Seen::default()), Arc::new(handler));
        let kept = Arc::clone(&seen);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if kept.stopped.load(Relaxed) {
                    return;
                }
                let (seen, handler) = (Arc::clone(&kept), Arc::clone(&handler));
                // A client that leaves early is no concern of ours.
                thread::spawn(move || serve(stream, seen, &*handler).unwrap_or_default());
            }
        });
        Self { address, seen }
    }

    /// Where a path is.
    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What it was asked, in this order.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.seen.asked.lock().expect("nobody panics").clone()
    }

    /// How often it was asked for a path.
    pub(super) fn count(&self, path: &str) -> usize {
        self.asked().iter().filter(|asked| asked.path == path).count()
    }

    /// Bytes of bodies that were handed to the network.
    pub(super) fn written(&self) -> u64 {
        self.seen.written.load(Relaxed)
    }

    /// Requests that are being answered.
    pub(super) fn open(&self) -> u64 {
        self.seen.open.load(Relaxed)
    }

    /// The most requests that were answered at once.
    pub(super) fn most_open(&self) -> u64 {
        self.seen.most_open.load(Relaxed)
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        self.seen.stopped.store(true, Relaxed);
        // It looks when somebody comes.
        drop(TcpStream::connect(self.address));
    }
}

fn serve(
    stream: TcpStream,
    seen: Arc<Seen>,
    handler: &dyn Fn(&mut Exchange) -> io::Result<()>,
) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    let asked = read_head(&mut stream)?;
    seen.asked.lock().expect("nobody panics").push(asked.clone());
    let open = seen.open.fetch_add(1, Relaxed) + 1;
    seen.most_open.fetch_max(open, Relaxed);
    let mut exchange = Exchange { asked, stream, seen };
    let answered = handler(&mut exchange);
    exchange.seen.open.fetch_sub(1, Relaxed);
    answered
}

fn read_head(stream: &mut BufReader<TcpStream>) -> io::Result<Asked> {
    let first = line(stream)?;
    let mut words = first.split(' ').map(str::to_owned);
    let (Some(method), Some(path)) = (words.next(), words.next()) else { return Err(broken()) };
    let mut headers = Vec::new();
    loop {
        let line = line(stream)?;
        if line.is_empty() {
            return Ok(Asked { method, path, headers });
        }
        let (name, value) = line.split_once(':').ok_or_else(broken)?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
}

fn line(stream: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut line = Vec::new();
    stream.read_until(b'\n', &mut line)?;
    let line = line.strip_suffix(b"\r\n").ok_or_else(broken)?;
    Ok(line.iter().map(|byte| char::from(*byte)).collect())
}

fn broken() -> io::Error {
    io::ErrorKind::InvalidData.into()
}

impl Asked {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    /// The path without the query.
    pub(super) fn place(&self) -> &str {
        self.path.split('?').next().unwrap_or_default()
    }

    pub(super) fn query(&self) -> &str {
        self.path.split_once('?').map(|(_, query)| query).unwrap_or_default()
    }
}

impl Exchange {
    /// Reads the body to its end.
    pub(super) fn body(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        if let Some(length) = self.asked.header("content-length") {
            body.resize(length.parse().map_err(|_| broken())?, 0);
            self.stream.read_exact(&mut body)?;
        } else {
            while let Some(piece) = self.piece()? {
                body.extend(piece);
            }
        }
        Ok(body)
    }

    /// Reads the next piece of a chunked body.
    pub(super) fn piece(&mut self) -> io::Result<Option<Vec<u8>>> {
        if self.asked.header("transfer-encoding") != Some("chunked") {
            return Ok(None);
        }
        let size = usize::from_str_radix(&line(&mut self.stream)?, 16).map_err(|_| broken())?;
        let mut piece = vec![0; size];
        self.stream.read_exact(&mut piece)?;
        line(&mut self.stream)?;
        Ok((size > 0).then_some(piece))
    }

    /// Answers with a whole body.
    pub(super) fn answer(&mut self, status: &str, headers: &[(&str, &str)], body: &[u8]) -> io::Result<()> {
        let length = body.len().to_string();
        let length = [("content-length", length.as_str())];
        // No body, and no length of one, belongs to these.
        let bodiless = status.starts_with("204") || status.starts_with("304");
        self.begin(status, &[headers, if bodiless { &[] } else { &length }].concat())?;
        if self.asked.method == "HEAD" || bodiless { Ok(()) } else { self.write(body) }
    }

    /// Answers with a text.
    pub(super) fn say(&mut self, kind: &str, body: impl AsRef<[u8]>) -> io::Result<()> {
        self.answer("200 OK", &[("content-type", kind)], body.as_ref())
    }

    /// Points elsewhere.
    pub(super) fn redirect(&mut self, status: &str, to: &str) -> io::Result<()> {
        self.answer(&format!("{status} Redirect"), &[("location", to)], b"not here")
    }

    /// Writes the head of an answer whose body ends with the connection, unless a header says otherwise.
    pub(super) fn begin(&mut self, status: &str, headers: &[(&str, &str)]) -> io::Result<()> {
        let mut head = format!("HTTP/1.1 {status}\r\nconnection: close\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        self.stream.get_mut().write_all(head.as_bytes())
    }

    /// Writes a part of the body.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)?;
        self.seen.written.fetch_add(bytes.len() as u64, Relaxed);
        Ok(())
    }

    /// Waits until the client leaves.
    pub(super) fn wait(&mut self) -> io::Result<()> {
        io::copy(&mut self.stream, &mut io::sink()).map(drop)
    }
}

/// A server with a place for each thing that a response can be.
pub(super) fn playground() -> Web {
    Web::start(|exchange| {
        let (place, query) = (exchange.asked.place().to_owned(), exchange.asked.query().to_owned());
        let mut names = place[1..].split('/');
        let (name, rest) = (names.next().unwrap_or_default(), names.next().unwrap_or_default());
        let number: usize = rest.parse().unwrap_or_default();
        match name {
            "echo" => echo(exchange),
            "length" => {
                let body = exchange.body()?;
                exchange.say("text/plain", format!("{} {}", body.len(), checksum(&body)))
            }
            "text" => exchange.say("text/plain; charset=utf-8", "h\u{e9}llo"),
            "json" => exchange.say("application/json", r#"{"a":[1,2]}"#),
            "html" => exchange.say("text/html", "<!doctype html><p>page"),
            "form" => exchange.say("application/x-www-form-urlencoded", "a=1&b=x+y"),
            "multipart" => exchange.say(
                "multipart/form-data; boundary=B",
                "--B\r\ncontent-disposition: form-data; name=\"a\"\r\n\r\n1\r\n--B\r\ncontent-disposition: \
                 form-data; name=\"f\"; filename=\"f.txt\"\r\ncontent-type: text/plain\r\n\r\nfile\r\n--B--\r\n",
            ),
            "bytes" => exchange.say("application/octet-stream", pattern(number)),
            "gzip" => {
                let headers = [("content-encoding", "gzip"), ("content-type", "text/plain")];
                exchange.answer("200 OK", &headers, &gzip(&vec![b'a'; number]))
            }
            "broken-gzip" => exchange.answer("200 OK", &[("content-encoding", "gzip")], b"no gzip at all"),
            "status" => exchange.answer(&format!("{number} Said So"), &[("x-is", "there")], b"body"),
            "redirect" => exchange.redirect(rest, &query),
            "loop" => exchange.redirect("302", &format!("/loop/{}", number + 1)),
            "silent" => exchange.wait(),
            "begun" => {
                exchange.begin("200 OK", &[])?;
                exchange.write(b"begun")?;
                exchange.wait()
            }
            "cut" => {
                exchange.begin("200 OK", &[("content-length", "10")])?;
                exchange.write(b"half")
            }
            "nothing" => Ok(()),
            "endless" => {
                exchange.begin("200 OK", &[])?;
                loop {
                    exchange.write(&[b'e'; 64 << 10])?;
                }
            }
            "early" => exchange.answer("413 Too Large", &[], b"no"),
            "headers" => {
                let value = "h".repeat(number);
                exchange.answer("200 OK", &[("x-large", &value)], b"ok")
            }
            "cookies" => {
                exchange.answer("200 OK", &[("set-cookie", "a=1"), ("set-cookie", "b=2")], b"cookies")
            }
            "wasm" => exchange.say("application/wasm", adder()),
            _ => exchange.answer("404 Not Found", &[], b"absent"),
        }
    })
}

fn echo(exchange: &mut Exchange) -> io::Result<()> {
    let body = exchange.body()?;
    let headers: serde_json::Map<String, serde_json::Value> =
        exchange.asked.headers.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
    let said = serde_json::json!({
        "method": exchange.asked.method,
        "path": exchange.asked.path,
        "headers": headers,
        "body": String::from_utf8_lossy(&body),
    });
    exchange.say("application/json", said.to_string())
}

/// Bytes that tell where they are.
pub(super) fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at % 251) as u8).collect()
}

/// The sum of all bytes times where they are, so that none can be elsewhere.
pub(super) fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().zip(1_u64..).map(|(byte, at)| u64::from(*byte) * (at % 1009)).sum()
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).expect("memory is there");
    encoder.finish().expect("memory is there")
}

/// A WebAssembly module that adds.
pub(super) fn adder() -> Vec<u8> {
    let text =
        r#"(module (func (export "add") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add))"#;
    wat::parse_str(text).expect("it is WebAssembly")
}
