//! The sample policies in `infra/policies`.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use stasis_policy::{Decision, Policies, PolicySettings};
use url::Url;

fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/policies").canonicalize().unwrap()
}

/// The samples' own configuration, which starts from the repository's folder.
fn policies() -> Policies {
    let text = std::fs::read_to_string(samples().join("policies.json")).unwrap();
    let text = text.replace("file://infra/policies", &format!("file://{}", samples().display()));
    Policies::start(&PolicySettings::parse(&text).unwrap()).unwrap()
}

fn request(method: &str, url: &str) -> Value {
    let parsed = Url::parse(url).unwrap();
    json!({"operation": "fetch", "method": method, "url": url, "headers": {}, "url_parsed": {
        "scheme": parsed.scheme(), "host": parsed.host_str(), "port": parsed.port_or_known_default(),
        "path": parsed.path(), "query": parsed.query(),
    }})
}

#[tokio::test]
async fn fetch() {
    let policy = policies().fetch().unwrap();
    for (method, url, expect) in [
        ("GET", "https://api.example.com/x", true),
        ("HEAD", "https://files.example.org/zod", true),
        ("GET", "http://api.example.com/x", false),
        ("GET", "https://api.example.com.evil.example/x", false),
        ("GET", "https://api.example.com@evil.example/x", false),
        ("DELETE", "https://api.example.com/x", false),
        ("POST", "https://api.example.com/public/x", true),
        ("POST", "https://api.example.com/public/../x", false),
        ("POST", "https://files.example.org/public/x", false),
    ] {
        let decision = policy.decide(&request(method, url)).await;
        assert_eq!(decision == Decision::Allowed, expect, "{method} {url}: {decision:?}");
    }
}

#[tokio::test]
async fn filesystem() {
    let policy = policies().filesystem().unwrap();
    for (operation, path, destination, expect) in [
        ("readFile", "/srv/scripts/a", None, true),
        ("writeFile", "/srv/scripts/a/b", None, true),
        ("readdir", "/srv/scripts", None, true),
        ("rm", "/srv/scripts/a", None, true),
        ("rm", "/srv/scripts", None, false),
        ("readFile", "/srv/scripts-of-others/a", None, false),
        ("readFile", "/etc/passwd", None, false),
        ("chmod", "/srv/scripts/a", None, false),
        ("rename", "/srv/scripts/a", Some("/srv/scripts/b"), true),
        ("copyFile", "/srv/scripts/a", Some("/etc/b"), false),
        ("copyFile", "/etc/passwd", Some("/srv/scripts/b"), false),
        ("copyFile", "/srv/scripts/a", None, false),
    ] {
        let mut input = json!({"operation": operation, "path": path});
        if let Some(destination) = destination {
            input["destination"] = json!(destination);
        }
        let decision = policy.decide(&input).await;
        assert_eq!(decision == Decision::Allowed, expect, "{input}: {decision:?}");
    }
}

#[tokio::test]
async fn modules() {
    let policy = policies().modules().unwrap();
    for (url, expect) in [
        ("https://esm.sh/zod", true),
        ("https://esm.sh/zod@3.22.4", true),
        ("https://esm.sh/*zod@3.22.4", true),
        ("https://esm.sh/zod@3.22.4/es2022/zod.mjs", true),
        ("https://esm.sh/v135/zod@3.22.4/es2022/zod.mjs", true),
        ("https://esm.sh/stable/zod@3.22.4/es2022/zod.mjs", true),
        ("https://esm.sh/jsr/@std/encoding@1.0.0", true),
        ("https://esm.sh/node/process.mjs", true),
        ("https://esm.sh/zod?alias=x:evil&bundle", false),
        ("https://esm.sh/evil", false),
        ("https://esm.sh/v135/evil@1.0.0/zod", false),
        ("https://esm.sh/@zod/evil", false),
        ("https://esm.sh/@std/encoding", false),
        ("https://esm.sh/gh/evil/zod", false),
        ("https://esm.sh/node/../evil", false),
        ("https://esm.sh/", false),
        ("http://esm.sh/zod", false),
        ("https://esm.sh.evil.example/zod", false),
    ] {
        let decision = policy.decide(&request("GET", url)).await;
        assert_eq!(decision == Decision::Allowed, expect, "{url}: {decision:?}");
    }
}
