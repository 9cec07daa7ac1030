//! Servers on loopback that public names lead to, policies that remember what they were asked, and runs.

mod connection;

use std::{
    collections::HashMap,
    future::Future,
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::Value;
use stasis_broker::{FetchBroker, FetchLimits, FetchRun, HeaderRules, Outbound, OutboundOptions, Resolver};
use stasis_core::host::{
    FetchRequest, FetchResponse, Header, HostAnswer, HostError, RedirectMode, RequestBody,
};
use stasis_policy::{Decision, Denial, Policy};
use tokio::{net::TcpListener, task::JoinHandle};

pub(crate) use self::connection::{Connection, Received};

/// Nothing in these tests takes this long, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits for something that will happen if all is well.
pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.expect("it happens")
}

/// A server whose every connection is served by one function.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) address: SocketAddr,
    heard: Arc<Mutex<Vec<Received>>>,
    serving: JoinHandle<()>,
}

impl Site {
    pub(crate) async fn serving<F>(serve: impl Fn(Connection) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("bind");
        let address = listener.local_addr().expect("an address");
        let heard: Arc<Mutex<Vec<Received>>> = Arc::default();
        let log = Arc::clone(&heard);
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(Connection::new(stream, Arc::clone(&log))));
            }
        });
        Self { address, heard, serving }
    }

    /// Answers every request with the same bytes.
    pub(crate) async fn answering(response: impl Into<Vec<u8>>) -> Self {
        let response = response.into();
        Self::serving(move |mut connection| {
            let response = response.clone();
            async move {
                if connection.receive().await.is_some() {
                    connection.send(&response).await;
                }
            }
        })
        .await
    }

    /// What was asked, in order.
    pub(crate) fn heard(&self) -> Vec<Received> {
        self.heard.lock().expect("lock").clone()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// A response with a length.
pub(crate) fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

pub(crate) fn redirect(status: u16, location: &str) -> String {
    format!(
        "HTTP/1.1 {status} Elsewhere\r\nlocation: {location}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
    )
}

/// A public address of which only its last byte is of interest.
pub(crate) fn public(number: u8) -> IpAddr {
    IpAddr::from([93, 184, 216, number])
}

/// Names, and what they stand for: each answer once, the last one for ever.
#[derive(Debug, Default)]
pub(crate) struct Names(Mutex<HashMap<String, Vec<Vec<IpAddr>>>>);

impl Names {
    pub(crate) fn add(&self, name: &str, answers: &[&[IpAddr]]) {
        let answers = answers.iter().rev().map(|answer| answer.to_vec()).collect();
        self.0.lock().expect("lock").insert(name.to_owned(), answers);
    }
}

#[async_trait]
impl Resolver for Names {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let mut names = self.0.lock().expect("lock");
        let answers = names.get_mut(name).ok_or(io::ErrorKind::NotFound)?;
        if answers.len() > 1 {
            return Ok(answers.pop().expect("there are several"));
        }
        Ok(answers[0].clone())
    }
}

/// Options for a network in which each name leads to a site by a public address of its own.
pub(crate) fn network(sites: &[(&str, &Site)]) -> OutboundOptions {
    let names = Names::default();
    let mut detours = HashMap::new();
    for (number, (name, site)) in (1..).zip(sites) {
        names.add(name, &[&[public(number)]]);
        detours.insert(public(number), site.address);
    }
    OutboundOptions { resolver: Arc::new(names), detours, ..OutboundOptions::default() }
}

type Allows = Box<dyn Fn(&Value) -> bool + Send + Sync>;

/// A policy that remembers what it was asked.
pub(crate) struct Recording {
    allows: Allows,
    asked: Mutex<Vec<Value>>,
    reason: Option<String>,
}

impl std::fmt::Debug for Recording {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Recording")
    }
}

impl Recording {
    pub(crate) fn new(allows: impl Fn(&Value) -> bool + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { allows: Box::new(allows), asked: Mutex::default(), reason: None })
    }

    pub(crate) fn denying(reason: Option<&str>) -> Arc<Self> {
        Arc::new(Self {
            allows: Box::new(|_| false),
            asked: Mutex::default(),
            reason: reason.map(str::to_owned),
        })
    }

    pub(crate) fn asked(&self) -> Vec<Value> {
        self.asked.lock().expect("lock").clone()
    }
}

#[async_trait]
impl Policy for Recording {
    async fn decide(&self, input: &Value) -> Decision {
        self.asked.lock().expect("lock").push(input.clone());
        if (self.allows)(input) {
            Decision::Allowed
        } else {
            Decision::Denied(Denial { reason: self.reason.clone() })
        }
    }
}

/// One run, and the numbers of its fetches.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) fetches: FetchRun,
    next: u32,
}

/// A response with all of its body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) response: FetchResponse,
    pub(crate) body: Vec<u8>,
}

impl Run {
    pub(crate) fn new(policy: Arc<dyn Policy>, rules: HeaderRules, options: OutboundOptions) -> Self {
        Self::limited(policy, rules, options, FetchLimits::default())
    }

    pub(crate) fn limited(
        policy: Arc<dyn Policy>,
        rules: HeaderRules,
        options: OutboundOptions,
        limits: FetchLimits,
    ) -> Self {
        let outbound = Outbound::new(options).expect("a client");
        Self { fetches: FetchBroker::new(policy, rules, outbound, limits).attend(), next: 0 }
    }

    /// A run that may fetch anything.
    pub(crate) fn free(options: OutboundOptions) -> Self {
        Self::new(Recording::new(|_| true), HeaderRules::default(), options)
    }

    pub(crate) fn free_within(options: OutboundOptions, limits: FetchLimits) -> Self {
        Self::limited(Recording::new(|_| true), HeaderRules::default(), options, limits)
    }

    pub(crate) fn number(&mut self) -> u32 {
        self.next += 1;
        self.next
    }

    /// Until the headers are there.
    pub(crate) async fn open(&mut self, request: FetchRequest) -> Result<(u32, FetchResponse), HostError> {
        let number = self.number();
        match soon(self.fetches.fetch(number, request)).await? {
            HostAnswer::Response(response) => Ok((number, response)),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn read(&mut self, number: u32) -> Result<Option<Bytes>, HostError> {
        match soon(self.fetches.read_body(number)).await? {
            HostAnswer::Chunk(chunk) => Ok(chunk),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn read_all(&mut self, number: u32) -> Result<Vec<u8>, HostError> {
        let mut body = Vec::new();
        while let Some(chunk) = self.read(number).await? {
            assert!(!chunk.is_empty() && chunk.len() <= stasis_core::host::MAX_CHUNK_BYTES);
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    pub(crate) async fn fetch(&mut self, request: FetchRequest) -> Result<Answer, HostError> {
        let (number, response) = self.open(request).await?;
        let body = if response.has_body { self.read_all(number).await? } else { Vec::new() };
        Ok(Answer { response, body })
    }

    /// What the script finds in its exception.
    pub(crate) async fn failure(&mut self, request: FetchRequest) -> String {
        let asked = format!("{request:?}");
        match self.fetch(request).await {
            Ok(answer) => panic!("{asked} was answered: {answer:?}"),
            Err(error) => error.message,
        }
    }
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("text")
    }

    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let header = self.response.headers.iter().find(|header| header.name == name)?;
        Some(String::from_utf8(header.value.to_vec()).expect("text"))
    }
}

pub(crate) fn get(url: impl Into<String>) -> FetchRequest {
    request("GET", url, &[], RequestBody::None)
}

pub(crate) fn request(
    method: &str,
    url: impl Into<String>,
    headers: &[(&str, &str)],
    body: RequestBody,
) -> FetchRequest {
    let header = |(name, value): &(&str, &str)| Header {
        name: (*name).to_owned(),
        value: Bytes::copy_from_slice(value.as_bytes()),
    };
    FetchRequest {
        method: method.to_owned(),
        url: url.into(),
        headers: headers.iter().map(header).collect(),
        body,
        redirect: RedirectMode::Follow,
    }
}

pub(crate) fn check_contains(message: &str, expect: &str) {
    assert!(message.contains(expect), "{message:?} lacks {expect:?}");
}
