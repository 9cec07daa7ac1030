//! The test suite: format, lints, and every test of the workspace.

use std::{env, ffi::OsString, fs, path::PathBuf, process::Stdio};

use crate::{cargo, failure::Failure, host, workspace};

/// The example of `stasis-image` that its tests freeze and thaw, also as a static executable.
const FIXTURE: &str = "image-fixture";

/// Fuzz targets are a workspace of their own, for `cargo fuzz`.
const FUZZ_TARGETS: &str = "runner/image/fuzz/Cargo.toml";

/// Where the integration tests look for the `stasis` binary.
const BINARY_VARIABLE: &str = "STASIS_BINARY";

/// What `cargo test` runs: all but benchmarks, and documentation tests, which are run first, so that
/// the last line of the suite counts tests that exist.
const TARGETS: [&str; 3] = ["--lib", "--bins", "--tests"];

/// Tests that measure what the processors can do, and are ignored otherwise: nothing else is tested meanwhile.
const MEASURING: [&str; 5] = ["--workspace", "--test", "it", "--", "--ignored"];

/// Where those tests look for the static one.
const FIXTURE_VARIABLE: &str = "STASIS_STATIC_FIXTURE";

/// Runs everything that CI runs; with `args`, only `cargo test` with them.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    if args.is_empty() {
        cargo::run(cargo::command(["fmt", "--all", "--check"]))?;
        let clippy = ["clippy", "--release", "--workspace", "--all-targets", "--", "-D", "warnings"];
        cargo::run(cargo::command(clippy))?;
        check_fuzz_targets()?;
        check_dependencies()?;
    }
    let fixture = build_static_fixture()?;
    // What tests start as programs of their own: the binary and the fixture.
    cargo::run(cargo::command(["build", "--release", "--workspace", "--bins", "--examples"]))?;

    let test = |arguments: &[&str]| {
        let mut test = cargo::command(["test", "--release"]);
        test.args(arguments).env(BINARY_VARIABLE, workspace::target_dir().join("release/stasis"));
        if let Some(fixture) = &fixture {
            test.env(FIXTURE_VARIABLE, fixture);
        }
        test
    };
    if !args.is_empty() {
        let all = if chooses_packages(args) { &[][..] } else { &["--workspace"] };
        return Err(cargo::replace_this_process(test(all).args(args)));
    }
    let mut documentation = test(&["--workspace", "--doc"]);
    documentation.env("RUSTDOCFLAGS", with_flags("RUSTDOCFLAGS", "-D warnings"));
    cargo::run(documentation)?;
    // One run shows everything that fails.
    let measured = cargo::run(test(&MEASURING));
    let mut all = test(&["--workspace", "--no-fail-fast"]);
    all.args(TARGETS);
    cargo::run(all)?;
    measured
}

/// Sees that the fuzz targets compile: `cargo fuzz` is nothing that a machine must have.
fn check_fuzz_targets() -> Result<(), Failure> {
    let mut check = cargo::command(["check", "--manifest-path", FUZZ_TARGETS, "--target-dir"]);
    check.arg(workspace::target_dir().join("fuzz"));
    // The fuzzer itself, in C++, is built when there is none at this path, which is not looked at before linking.
    check.env("CUSTOM_LIBFUZZER_PATH", workspace::target_dir().join("fuzz/libfuzzer.a"));
    cargo::run(check)
}

/// Checks licences and sources of what we depend on; advisories need a database from outside. Like the fuzzer,
/// cargo-deny is nothing that a machine must have.
fn check_dependencies() -> Result<(), Failure> {
    let mut ask = cargo::command(["deny", "--version"]);
    let asked = ask.stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !asked.is_ok_and(|status| status.success()) {
        eprintln!(
            "xtask: note: licences and sources of dependencies are not checked: `cargo install --locked cargo-deny`"
        );
        return Ok(());
    }
    cargo::run(cargo::command(["deny", "check", "bans", "licenses", "sources"]))
}

/// Whether the arguments say which packages to test; `--workspace` would overrule them.
fn chooses_packages(args: &[String]) -> bool {
    let cargos = args.iter().take_while(|arg| *arg != "--");
    cargos.map(String::as_str).any(|arg| {
        matches!(arg, "-p" | "--package" | "--manifest-path")
            || arg.starts_with("--package=")
            || arg.starts_with("--manifest-path=")
            || (arg.starts_with("-p") && !arg.starts_with("--"))
    })
}

/// Builds the fixture without any shared library: another memory layout, and another start-up, than
/// the dynamic one that cargo builds for the tests by itself.
fn build_static_fixture() -> Result<Option<PathBuf>, Failure> {
    let source = workspace::root().join("runner/image/examples").join(FIXTURE);
    if !source.with_extension("rs").is_file() && !source.join("main.rs").is_file() {
        eprintln!(
            "xtask: note: stasis-image has no example `{FIXTURE}`: its tests run without the static one"
        );
        return Ok(None);
    }
    // Other flags rebuild everything, so they get a directory of their own. With a target, even this
    // machine's, cargo keeps them from procedural macros, which cannot be static.
    let target = host::target()?;
    let directory = workspace::target_dir().join("static");
    let mut build = cargo::command(["build", "--release", "-p", "stasis-image", "--example", FIXTURE]);
    build.args(["--target", &target, "--target-dir"]).arg(&directory);
    build.env("RUSTFLAGS", with_flags("RUSTFLAGS", "-C target-feature=+crt-static"));
    cargo::run(build)?;

    let built = directory.join(target).join("release/examples").join(FIXTURE);
    fs::metadata(&built).map_err(Failure::file("find the static fixture at", &built))?;
    Ok(Some(built))
}

/// What a variable holds, and more flags.
fn with_flags(variable: &str, more: &str) -> OsString {
    let mut flags = env::var_os(variable).unwrap_or_default();
    if !flags.is_empty() {
        flags.push(" ");
    }
    flags.push(more);
    flags
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expect: bool) {
        let args: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        assert_eq!(chooses_packages(&args), expect, "{line}");
    }

    #[test]
    fn the_workspace_is_tested_unless_packages_are_chosen() {
        check("", false);
        check("--test it", false);
        check("-p stasis-core", true);
        check("-pstasis-core", true);
        check("--package=stasis-core heap", true);
        check("heap -- -p", false);
    }
}
