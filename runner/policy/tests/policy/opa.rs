//! The same policies in OPA's own engine, and in ours: they decide alike.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};
use stasis_policy::Decision;

use crate::support::{denied, fetch, no, rego};

/// OPA's engine behind OPA's API; ends when it is dropped.
struct Opa {
    child: Child,
    url: String,
}

impl Opa {
    fn start() -> Self {
        let mut command = Command::new(python());
        command.arg(ours("server.py")).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut port = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut port).unwrap();
        let url = format!("http://127.0.0.1:{}", port.trim());
        Self { child, url }
    }

    async fn put(&self, name: &str, policy: &str) {
        let url = format!("{}/v1/policies/{name}", self.url);
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let response = client.put(url).body(policy.to_owned()).send().await.unwrap();
        assert_eq!(response.status(), 200, "{}", response.text().await.unwrap());
    }
}

impl Drop for Opa {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// A Python that has the packages that `tests/opa/requirements.txt` names, in the target directory.
fn python() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("opa-python");
    let python = folder.join("venv/bin/python");
    let (wanted, done) = (fs::read_to_string(ours("requirements.txt")).unwrap(), folder.join("installed"));
    if fs::read_to_string(&done).ok().as_ref() != Some(&wanted) {
        fs::create_dir_all(&folder).unwrap();
        succeed(Command::new("python3").args(["-m", "venv", "venv"]).current_dir(&folder));
        // The package asks for a newer Python than it needs: it is only a library in Go, and its bindings.
        let mut pip = Command::new(&python);
        pip.args(["-m", "pip", "install", "--quiet", "--ignore-requires-python", "--no-deps", "-r"]);
        succeed(pip.arg(ours("requirements.txt")));
        fs::write(done, wanted).unwrap();
    }
    python
}

fn ours(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/opa").join(name)
}

fn succeed(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "this test needs python3 and PyPI, and {command:?} failed:\n{error}");
}

const RULES: &str = r#"
default allow := false
allow if {
    input.method == "GET"
    input.url_parsed.host == "api.example.com"
    startswith(input.url_parsed.path, "/public/")
}
allow if regex.match(`^[a-z]+\.example\.org$`, input.url_parsed.host)
allow if glob.match("*.example.net", ["."], input.url_parsed.host)
allow if net.cidr_contains("192.0.2.0/24", input.address)
allow if "x-allow" in object.keys(input.headers)
partly if input.method == "PUT"
answer := {"allow": allow}
"#;

fn question(method: &str, host: &str, path: &str) -> Value {
    json!({"operation": "fetch", "method": method, "address": "198.51.100.1", "headers": {},
        "url_parsed": {"scheme": "https", "host": host, "path": path}})
}

#[tokio::test]
async fn the_engines_decide_alike() {
    let opa = Opa::start();
    opa.put("fetch", &format!("package mcp.fetch\n{RULES}")).await;
    let remote = |document: Option<&str>| {
        let mut entry = json!({"url": opa.url});
        if let Some(document) = document {
            entry["policy_path"] = json!(document);
        }
        fetch(&[entry])
    };
    let local = rego(RULES);
    let (package, rule, answer) =
        (remote(None), remote(Some("mcp/fetch/allow")), remote(Some("mcp/fetch/answer")));

    let mut from_network = question("PUT", "x", "/");
    from_network["address"] = json!("192.0.2.7");
    let mut with_header = question("PUT", "x", "/");
    with_header["headers"]["x-allow"] = json!("1");
    for (input, expect) in [
        (question("GET", "api.example.com", "/public/x"), Decision::Allowed),
        (question("GET", "api.example.com", "/private"), no()),
        (question("POST", "api.example.com", "/public/x"), no()),
        (question("GET", "other.example.com", "/public/x"), no()),
        (question("PUT", "abc.example.org", "/"), Decision::Allowed),
        (question("PUT", "a1.example.org", "/"), no()),
        (question("PUT", "a1.example.net", "/"), Decision::Allowed),
        (question("PUT", "a.b.example.net", "/"), no()),
        (from_network, Decision::Allowed),
        (with_header, Decision::Allowed),
    ] {
        for policy in [&local.policy, &package, &rule, &answer] {
            assert_eq!(policy.decide(&input).await, expect, "{policy:?} {input}");
        }
    }

    let undefined = |document: &str| denied(&format!("{document} is undefined on the policy server"));
    let get = question("GET", "x", "/");
    assert_eq!(remote(Some("mcp/fetch/partly")).decide(&get).await, undefined("data.mcp.fetch.partly"));
    assert_eq!(remote(Some("mcp/other")).decide(&get).await, undefined("data.mcp.other"));
    assert!(local.folder.path().exists());
}
