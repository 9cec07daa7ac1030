//! Modules as scripts import them: from a server of our own, which stands for the public ones.

mod cache;
mod loading;
mod policy;
mod server;

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, Ipv4Addr},
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use serde_json::Value;
use stasis_broker::{
    ModuleBroker, ModuleLimits, ModuleOptions, ModuleRun, Outbound, OutboundOptions, Resolver,
};
use stasis_core::host::{HostAnswer, HostError, HostResult, ModuleKind, ModuleSource};
use stasis_policy::{Decision, Denial, Policy};
use url::Url;

use server::{Page, Server};

/// A public address, from which a detour leads to our server.
const PUBLIC: IpAddr = IpAddr::V4(Ipv4Addr::new(8, 8, 8, 8));

/// Knows three names.
#[derive(Debug)]
struct Names;

#[async_trait]
impl Resolver for Names {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        match name {
            "esm.test" | "other.test" => Ok(vec![PUBLIC]),
            "private.test" => Ok(vec![IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1))]),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

/// Denies what has `denied` in its URL, and remembers what it was asked.
#[derive(Debug, Default)]
struct Watcher {
    asked: Mutex<Vec<Value>>,
}

#[async_trait]
impl Policy for Watcher {
    async fn decide(&self, input: &Value) -> Decision {
        self.asked.lock().expect("no panic").push(input.clone());
        match input["url"].as_str() {
            Some(url) if url.contains("denied-why") => {
                Decision::Denied(Denial { reason: Some("no answer".to_owned()) })
            }
            Some(url) if !url.contains("denied") => Decision::Allowed,
            _ => Decision::Denied(Denial::default()),
        }
    }
}

/// As the tests would have it.
fn options() -> ModuleOptions {
    ModuleOptions {
        allow_external: true,
        base_url: Url::parse("http://esm.test").expect("a URL"),
        limits: ModuleLimits { within: Duration::from_secs(20), ..ModuleLimits::default() },
        ..ModuleOptions::default()
    }
}

fn broker(server: &Server, options: ModuleOptions) -> ModuleBroker {
    let detours = HashMap::from([(PUBLIC, server.address())]);
    let outbound = OutboundOptions { resolver: Arc::new(Names), detours, ..OutboundOptions::default() };
    ModuleBroker::new(Outbound::new(outbound).expect("a client"), options).expect("a broker")
}

async fn load(run: &ModuleRun, specifier: &str) -> HostResult {
    run.load(specifier.to_owned()).await
}

fn module(url: &str, kind: ModuleKind, text: &str) -> HostResult {
    Ok(HostAnswer::Module(ModuleSource { url: url.to_owned(), kind, text: text.to_owned() }))
}

fn javascript(url: &str, text: &str) -> HostResult {
    module(url, ModuleKind::JavaScript, text)
}
