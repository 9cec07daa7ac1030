//! Where settings come from, and what is said of those that make no sense.

use std::io::Write as _;

use super::*;

/// Reads a command line with these variables, and a file with this text if it is named `FILE`.
fn read(line: &[&str], variables: &[(&str, &str)], file: (&str, &str)) -> Result<Configuration, String> {
    let mut written = tempfile::Builder::new().suffix(file.0).tempfile().expect("a temporary file");
    written.write_all(file.1.as_bytes()).expect("it can be written");
    let path = written.path().as_os_str();
    let replaced = |text: &str| if text == "FILE" { path.to_owned() } else { OsString::from(text) };
    let line = ["stasis"].iter().chain(line).map(|text| replaced(text));
    let variable =
        |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| replaced(value));
    let shown = path.to_string_lossy();
    Configuration::read(line, variable).map_err(|error| error.to_string().replace(&*shown, "FILE"))
}

#[test]
fn flags_count_before_variables_before_the_file_before_defaults() {
    let check =
        |line: &[&str], variables: &[(&str, &str)], text: &str, expect: (u32, Option<u16>, &[&str])| {
            let server = read(line, variables, (".toml", text)).expect("it is fine").arguments.server;
            assert_eq!((server.queue_max, server.http_port, &*server.allowed_host), {
                let hosts: Vec<String> = expect.2.iter().map(|host| (*host).to_owned()).collect();
                (expect.0, expect.1, &*hosts.leak())
            });
        };
    check(&[], &[], "", (1024, None, &[]));
    check(&["--config", "FILE"], &[], "queue-max = 5\nallowed_host = [\"a\", \"b\"]", (5, None, &["a", "b"]));
    check(&[], &[("STASIS_CONFIG", "FILE")], "http-port = 80", (1024, Some(80), &[]));
    let (file, variables) = ("queue-max = 5\nallowed-host = [\"a\"]", [("STASIS_QUEUE_MAX", "6")]);
    check(&["--config", "FILE"], &variables, file, (6, None, &["a"]));
    check(&["--config", "FILE", "--queue-max", "7"], &variables, file, (7, None, &["a"]));
    check(&["--config", "FILE", "--allowed-host", "c"], &variables, file, (6, None, &["c"]));
    check(&[], &[("STASIS_ALLOWED_HOST", "x,y")], "", (1024, None, &["x", "y"]));
}

#[test]
fn json_is_read_as_well() {
    let json = r#"{ "stateless": true, "queue-max": 3 }"#;
    let server = read(&["--config", "FILE"], &[], (".json", json)).expect("it is fine").arguments.server;
    assert_eq!((server.stateless, server.queue_max), (true, 3));
}

#[test]
fn switches_can_be_variables() {
    let check = |value: &str, expect: Result<bool, &str>| {
        let got = read(&[], &[("STASIS_STATELESS", value)], (".toml", ""));
        let got = got.map(|configuration| configuration.arguments.server.stateless);
        assert_eq!(got, expect.map_err(str::to_owned));
    };
    check("1", Ok(true));
    check("true", Ok(true));
    check("0", Ok(false));
    check("", Ok(false));
    check(
        "maybe",
        Err("STASIS_STATELESS: unexpected value 'maybe' for '--stateless' found; no more were expected"),
    );
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let check = |text: &str, expect: &str| {
        let error = read(&["--config", "FILE"], &[], (".toml", text)).expect_err("it is wrong");
        assert!(error.contains(expect), "{error}");
    };
    check("queue-maximum = 1", "FILE: there is no setting \"queue-maximum\"; there are: http-port,");
    check("config = \"x\"", "FILE: there is no setting \"config\"");
    check("queue-max = \"many\"", "FILE: invalid value 'many' for '--queue-max <N>'");
    check("queue-max = 1.5", "FILE: queue-max has to be a text or a number");
    check("stateless = 1", "FILE: stateless has to be true or false");
    check("stateless = true\ndirectory-path = \"x\"", "cannot be used with");
    check("queue-max = ", "FILE: TOML parse error at line 1");
    let missing = read(&["--config", "/nowhere/at/all"], &[], (".toml", "")).expect_err("it is missing");
    assert!(missing.starts_with("cannot read /nowhere/at/all"), "{missing}");
    let flag = read(&["--queue-max", "x"], &[("STASIS_QUEUE_MAX", "1")], (".toml", "")).expect_err("wrong");
    assert!(flag.starts_with("error: invalid value 'x' for '--queue-max <N>'"), "{flag}");
}

#[test]
fn subcommands_do_not_see_the_servers_variables() {
    let run = read(&["run", "a.ts"], &[("STASIS_QUEUE_MAX", "1"), ("STASIS_HTTP_PORT", "x")], (".toml", ""));
    assert!(run.expect("it is fine").arguments.command.is_some());
}

#[test]
fn what_is_printed_can_be_read() {
    let line = ["--queue-max", "7", "--allowed-host", "a", "--stateless"];
    let printed = read(&line, &[("STASIS_HTTP_PORT", "80")], (".toml", "")).expect("it is fine").print();
    assert!(printed.contains("queue-max = 7 # flag\n"), "{printed}");
    assert!(printed.contains("http-port = 80 # STASIS_HTTP_PORT\n"), "{printed}");
    assert!(printed.contains("shutdown-grace = 10 # default\n"), "{printed}");
    assert!(printed.contains("# session-db-path is not set\n"), "{printed}");
    let again = read(&["--config", "FILE"], &[], (".toml", &printed)).expect("it is fine");
    let without_origins = |text: &str| -> Vec<String> {
        text.lines().map(|line| line.split(" #").next().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(without_origins(&again.print()), without_origins(&printed));
}

#[test]
fn what_only_the_environment_says_is_printed() {
    let check = |variables: &[(&str, &str)], expect: [&str; 3]| {
        let printed = read(&[], variables, (".toml", "")).expect("it is fine").print();
        for line in expect {
            assert!(printed.lines().any(|printed| printed == line), "no {line:?} in {printed}");
        }
        read(&["--config", "FILE"], &[], (".toml", &printed)).expect("it can be read");
    };
    check(
        &[("XDG_DATA_HOME", "/data"), ("HOME", "/me"), ("STASIS_WORKER_ERRORS", "1")],
        [
            "# directory-path is not set: /data/stasis/heaps",
            "# session-db-path is not set: /data/stasis/sessions",
            "# STASIS_WORKER_ERRORS is set",
        ],
    );
    check(
        &[("XDG_DATA_HOME", "relative"), ("HOME", "/me")],
        [
            "# directory-path is not set: /me/.local/share/stasis/heaps",
            "# session-db-path is not set: /me/.local/share/stasis/sessions",
            "# STASIS_WORKER_ERRORS is not set",
        ],
    );
    check(&[], ["# directory-path is not set", "# session-db-path is not set", "# heap-key is not set"]);
}

#[test]
fn commands_have_an_environment_too() {
    let log = |variables: &[(&str, &str)]| {
        read(&["heap", "ls"], variables, (".toml", "")).expect("it is fine").environment.commands_log
    };
    assert_eq!(log(&[("STASIS_LOG", "debug")]), "debug");
    assert_eq!(log(&[]), "warn");
}
