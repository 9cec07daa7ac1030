//! Crate borders are where knowledge stops: which crate may depend on which.

use super::workspace::{Dependency, Kind, Member, Workspace};

/// What of ours a crate may depend on, in any of its lists.
#[derive(Clone, Copy)]
enum May {
    /// These crates only.
    Only(&'static [&'static str]),
    /// Every crate below `runner/` and `adapters/`.
    UseTheProduct,
    /// Every crate.
    UseAll,
}

/// Every crate of the workspace. A new crate gets a line here: say what it may know, and no more.
const CRATES: &[(&str, May)] = &[
    ("deno_unsync", May::Only(&[])),
    ("stasis-api", May::Only(&["stasis-core", "stasis-executions"])),
    ("stasis-bench", May::UseAll),
    ("stasis-broker", May::Only(&["stasis-core", "stasis-policy"])),
    ("stasis-core", May::Only(&[])),
    ("stasis-executions", May::Only(&["stasis-core"])),
    ("stasis-http", May::Only(&["stasis-api", "stasis-core", "stasis-executions"])),
    ("stasis-image", May::Only(&[])),
    ("stasis-mcp", May::Only(&["stasis-api", "stasis-core", "stasis-executions", "stasis-http"])),
    ("stasis-policy", May::Only(&[])),
    ("stasis-script", May::Only(&[])),
    ("stasis-server", May::UseTheProduct),
    ("stasis-store", May::Only(&["stasis-core"])),
    ("stasis-tests", May::UseAll),
    ("stasis-wasm", May::Only(&[])),
    ("stasis-worker", May::Only(&["stasis-core", "stasis-image", "stasis-script", "stasis-store"])),
    ("xtask", May::Only(&[])),
];

/// Packages of others that only some crates may know, in any list. A name that ends in `_` or `-` stands
/// for all that begin with it.
const OWNED: &[(&str, &[&str])] =
    &[("deno_", &["deno_unsync", "stasis-worker"]), ("swc_", &["stasis-script"]), ("v8", &["stasis-worker"])];

/// What the domain must not know: no system calls, no HTTP, no cloud.
const NOT_IN_CORE: &[&str] = &["aws-", "axum", "hyper", "libc", "rustix"];

/// What the domain may use in its tests only.
const NOT_IN_CORE_BUT_ITS_TESTS: &[&str] = &["tokio"];

/// Complains about every dependency that crosses a border, and about crates without a rule.
pub(super) fn complaints(workspace: &Workspace) -> Vec<String> {
    workspace.members.iter().flat_map(|member| complaints_about(member, &workspace.members)).collect()
}

fn complaints_about(member: &Member, members: &[Member]) -> Vec<String> {
    let Some((_, may)) = CRATES.iter().find(|(name, _)| *name == member.name) else {
        return vec![format!(
            "{}: no rule says what the crate `{}` may depend on: add it to CRATES in {}",
            member.path,
            member.name,
            file!()
        )];
    };
    let dependencies = member.dependencies.iter();
    let forbidden = dependencies.filter(|dependency| {
        if dependency.is_ours {
            !may_use(*may, dependency, members)
        } else {
            !may_know(&member.name, dependency)
        }
    });
    forbidden
        .map(|dependency| {
            let (name, package, kind) = (&member.name, &dependency.package, dependency.kind);
            format!("{}/Cargo.toml: `{name}` may not depend on `{package}` ({kind:?})", member.path)
        })
        .collect()
}

fn may_use(may: May, dependency: &Dependency, members: &[Member]) -> bool {
    match may {
        May::Only(names) => names.contains(&dependency.package.as_str()),
        May::UseTheProduct => members.iter().any(|member| {
            let of_the_product = member.path.starts_with("runner/") || member.path.starts_with("adapters/");
            member.name == dependency.package && of_the_product
        }),
        May::UseAll => true,
    }
}

fn may_know(name: &str, dependency: &Dependency) -> bool {
    let is = |pattern: &&str| matches(pattern, &dependency.package);
    let owned = OWNED.iter().find(|(pattern, _)| is(pattern));
    let is_barred = name == "stasis-core"
        && (NOT_IN_CORE.iter().any(is)
            || (dependency.kind != Kind::Dev && NOT_IN_CORE_BUT_ITS_TESTS.iter().any(is)));
    !is_barred && owned.is_none_or(|(_, owners)| owners.contains(&name))
}

fn matches(pattern: &str, package: &str) -> bool {
    if pattern.ends_with(['_', '-']) { package.starts_with(pattern) } else { package == pattern }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = r#"
        [workspace.dependencies]
        aws-sdk-s3 = "1"
        deno_core = "1"
        shim_upstream = { package = "deno_unsync", version = "1" }
        stasis-core = { path = "runner/core" }
        stasis-server = { path = "adapters/server" }
        stasis-worker = { path = "runner/worker" }
        swc_common = "1"
        tokio = "1"
    "#;

    /// Checks what is said about a crate with this line in this list.
    #[track_caller]
    fn check(name: &str, list: &str, dependency: &str, expect: Option<&str>) {
        let package = |name: &str| format!("[package]\nname = \"{name}\"\n");
        let manifest = format!("{}[{list}]\n{dependency}.workspace = true\n", package(name));
        let members = [
            ("tried", manifest.as_str()),
            ("runner/core", &package("stasis-core")),
            ("runner/worker", &package("stasis-worker")),
            ("adapters/server", &package("stasis-server")),
        ];
        let got = complaints(&Workspace::of(ROOT, &members));
        let expect: Vec<String> = expect.iter().map(|text| format!("tried{text}")).collect();
        assert_eq!(got, expect, "{name} -> {dependency} in {list}");
    }

    #[test]
    fn allowed_edges() {
        check("stasis-store", "dependencies", "stasis-core", None);
        check("stasis-server", "dependencies", "stasis-worker", None);
        check("stasis-tests", "dev-dependencies", "stasis-server", None);
        check("stasis-worker", "build-dependencies", "deno_core", None);
        check("deno_unsync", "dependencies", "shim_upstream", None);
        check("stasis-core", "dev-dependencies", "tokio", None);
    }

    #[test]
    fn forbidden_edges_between_ours() {
        let may_not = "/Cargo.toml: `stasis-core` may not depend on `stasis-worker`";
        check("stasis-core", "dependencies", "stasis-worker", Some(&format!("{may_not} (Normal)")));
        check("stasis-core", "dev-dependencies", "stasis-worker", Some(&format!("{may_not} (Dev)")));
        check("stasis-core", "build-dependencies", "stasis-worker", Some(&format!("{may_not} (Build)")));
        let sideways = "/Cargo.toml: `stasis-store` may not depend on `stasis-worker` (Normal)";
        check("stasis-store", "dependencies", "stasis-worker", Some(sideways));
        let outward = "/Cargo.toml: `stasis-http` may not depend on `stasis-server` (Normal)";
        check("stasis-http", "dependencies", "stasis-server", Some(outward));
    }

    #[test]
    fn forbidden_knowledge_of_others() {
        let may_not = |name: &str, package: &str, kind: &str| {
            Some(format!("/Cargo.toml: `{name}` may not depend on `{package}` ({kind})"))
        };
        let server = may_not("stasis-server", "deno_core", "Dev");
        check("stasis-server", "dev-dependencies", "deno_core", server.as_deref());
        let renamed = may_not("stasis-server", "deno_unsync", "Normal");
        check("stasis-server", "dependencies", "shim_upstream", renamed.as_deref());
        let worker = may_not("stasis-worker", "swc_common", "Normal");
        check("stasis-worker", "dependencies", "swc_common", worker.as_deref());
        let tokio = may_not("stasis-core", "tokio", "Normal");
        check("stasis-core", "dependencies", "tokio", tokio.as_deref());
        let aws = may_not("stasis-core", "aws-sdk-s3", "Dev");
        check("stasis-core", "dev-dependencies", "aws-sdk-s3", aws.as_deref());
    }

    #[test]
    fn a_new_crate_needs_a_rule() {
        let expect = ": no rule says what the crate `stasis-new` may depend on: add it to CRATES in ";
        check("stasis-new", "dependencies", "tokio", Some(&format!("{expect}{}", file!())));
    }
}
