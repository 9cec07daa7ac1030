//! Policies that change while they are in force.

use std::{fs, os::unix::fs::symlink, path::Path, sync::Arc};

use serde_json::json;
use stasis_policy::{Decision, Policy};
use tempfile::TempDir;
use tokio::{task::yield_now, time::timeout};

use crate::{
    events::{PATIENCE, record, wait_for},
    support::{fetch, no, url, write},
};

const YES: &str = "package mcp.fetch\nallow := true";
const NO: &str = "package mcp.fetch\nallow := false";
const BROKEN: &str = "package mcp.fetch\nallow :=";

async fn check(policy: &Arc<dyn Policy>, expect: Decision) {
    assert_eq!(policy.decide(&json!({})).await, expect);
}

fn policy(folder: &TempDir, name: &str) -> Arc<dyn Policy> {
    record();
    fetch(&[json!({"url": url(folder, name)})])
}

/// Waits until a change has arrived, by what is said about it.
fn changed(path: &Path, words: &str) -> String {
    wait_for(&[path.to_str().unwrap(), words])
}

#[tokio::test]
async fn good_broken_mended() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("fetch.rego");
    write(&folder, "fetch.rego", YES);
    let policy = policy(&folder, "fetch.rego");
    check(&policy, Decision::Allowed).await;

    // In place: what was read in between is broken, too.
    fs::write(&path, BROKEN).unwrap();
    let event = changed(&path, &format!("{}:2:9: expecting expression", path.display()));
    assert!(event.starts_with("ERROR stasis::policy"), "{event}");
    assert!(event.contains("the last good version stays in force"), "{event}");
    check(&policy, Decision::Allowed).await;

    write(&folder, "fetch.rego", NO);
    let event = changed(&path, "the policy is mended");
    assert!(event.starts_with("INFO stasis::policy"), "{event}");
    check(&policy, no()).await;
}

#[tokio::test]
async fn a_file_is_replaced_by_renaming_or_removed() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("fetch.rego");
    write(&folder, "fetch.rego", NO);
    let policy = policy(&folder, "fetch.rego");
    write(&folder, "fetch.rego", YES);
    changed(&path, "the policy has changed");
    check(&policy, Decision::Allowed).await;

    fs::remove_file(&path).unwrap();
    changed(&path, "cannot be read");
    check(&policy, Decision::Allowed).await;
}

#[tokio::test]
async fn a_link_leads_elsewhere() {
    // As Kubernetes mounts configuration: fetch.rego -> ..data/fetch.rego, ..data -> a folder per version.
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("fetch.rego");
    write(&folder, "..1/fetch.rego", NO);
    write(&folder, "..2/fetch.rego", YES);
    symlink("..1", folder.path().join("..data")).unwrap();
    symlink("..data/fetch.rego", &path).unwrap();
    let policy = policy(&folder, "fetch.rego");
    check(&policy, no()).await;

    symlink("..2", folder.path().join("..data_new")).unwrap();
    fs::rename(folder.path().join("..data_new"), folder.path().join("..data")).unwrap();
    changed(&path, "the policy has changed");
    check(&policy, Decision::Allowed).await;
}

#[tokio::test]
async fn anything_in_a_folder_changes() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("p");
    write(&folder, "p/fetch.rego", "package mcp.fetch\nallow := data.deep.answer");
    write(&folder, "p/deep/data.json", r#"{"answer": false}"#);
    let policy = policy(&folder, "p");
    check(&policy, no()).await;

    write(&folder, "p/deep/data.json", r#"{"answer": true}"#);
    changed(&path, "the policy has changed");
    check(&policy, Decision::Allowed).await;

    write(&folder, "p/new/broken.rego", BROKEN);
    changed(&path, "p/new/broken.rego:2:9: expecting expression");
    fs::remove_dir_all(folder.path().join("p/new")).unwrap();
    changed(&path, "the policy is mended");

    write(&folder, "q/fetch.rego", NO);
    fs::rename(&path, folder.path().join("old")).unwrap();
    fs::rename(folder.path().join("q"), &path).unwrap();
    // The words for this change were said before: what counts is the decision.
    let decided = async {
        while policy.decide(&json!({})).await == Decision::Allowed {
            yield_now().await;
        }
    };
    timeout(PATIENCE, decided).await.unwrap();
    check(&policy, no()).await;
}
