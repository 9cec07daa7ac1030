//! Where settings come from, and what is refused before anything is opened or bound.

use std::{
    fs,
    net::TcpListener,
    path::Path,
    process::{Child, Output},
    thread,
    time::{Duration, Instant},
};

use super::{PATIENCE, Server, server::command};
use crate::support::{self, assert_none};

/// One call: flags, variables, and files beside each other in the working folder.
#[derive(Clone, Copy, Default)]
struct Call<'a> {
    flags: &'a [&'a str],
    variables: &'a [(&'a str, &'a str)],
    files: &'a [(&'a str, &'a str)],
}

fn write(call: &Call<'_>, folder: &Path) {
    for (name, text) in call.files {
        fs::write(folder.join(name), text).expect("written");
    }
}

fn finish(call: &Call<'_>) -> (Output, bool) {
    let folder = support::folder();
    write(call, folder.path());
    let mut command = command(&folder.path().join("data"));
    command.env_remove("STASIS_LOG").args(call.flags).envs(call.variables.iter().copied());
    let child = command.current_dir(folder.path()).spawn().expect("started");
    let output = wait(child);
    (output, folder.path().join("data").exists())
}

/// Waits for the end of what should not go on; ends it if it does.
pub(crate) fn wait(mut child: Child) -> Output {
    let deadline = Instant::now() + PATIENCE;
    while child.try_wait().expect("a child can be waited for").is_none() && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(2));
    }
    let _it_may_have_ended = child.kill();
    child.wait_with_output().expect("output")
}

/// What `--print-config` says of a setting.
fn printed(call: &Call<'_>, setting: &str) -> String {
    let flags = [call.flags, &["--print-config"]].concat();
    let (output, opened) = finish(&Call { flags: &flags, ..*call });
    let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && errors.is_empty() && !opened, "{errors}");
    let is_it = |line: &&str| line.trim_start_matches("# ").starts_with(&format!("{setting} "));
    text.lines().find(is_it).unwrap_or_else(|| panic!("no {setting} in {text}")).to_owned()
}

#[test]
fn a_flag_counts_before_a_variable_before_a_file_before_the_default() {
    let call = Call::default();
    let variables = &[("STASIS_QUEUE_MAX", "2")];
    let files = &[("c.toml", "queue-max = 3\nlog = 'error'"), ("c.json", r#"{"queue_max": 4}"#)];
    let check = |call: Call<'_>, expect: &str| assert_eq!(printed(&call, "queue-max"), expect);
    check(call, "queue-max = 1024 # default");
    check(Call { flags: &["--config", "c.toml"], files, ..call }, "queue-max = 3 # c.toml");
    check(Call { flags: &["--config", "c.json"], files, ..call }, "queue-max = 4 # c.json");
    check(Call { variables: &[("STASIS_CONFIG", "c.json")], files, ..call }, "queue-max = 4 # c.json");
    check(Call { flags: &["--config", "c.toml"], files, variables }, "queue-max = 2 # STASIS_QUEUE_MAX");
    let flags = &["--queue-max", "1", "--config", "c.toml"];
    check(Call { flags, files, variables }, "queue-max = 1 # flag");
    check(Call { flags: &["--queue-max=0"], variables, ..call }, "queue-max = 0 # flag");
}

#[test]
fn what_is_printed_can_be_used() {
    let flags = [
        "--http-port",
        "0",
        "--host",
        "::1",
        "--cors-origin",
        "http://a",
        "--cors-origin",
        "http://b",
        "--directory-path",
        "a \"b\" é\\c",
        "--session-db-path",
        "s",
        "--heap-memory-max",
        "9",
        "--max-concurrent-executions",
        "3",
        "--retain-executions",
        "5,12h",
        "--log-format",
        "json",
    ];
    let print = |flags: &[&str], files| {
        let (output, _) = finish(&Call { flags, variables: &[], files });
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let first = print(&[&flags[..], &["--print-config"]].concat(), &[]);
    let second = print(&["--config", "c.toml", "--print-config"], &[("c.toml", first.as_str())]);
    let values = |text: &str| -> Vec<String> {
        text.lines().map(|line| line.rsplit_once(" # ").map_or(line, |(value, _)| value).to_owned()).collect()
    };
    assert_eq!(values(&first), values(&second));
    let both = first.parse::<toml::Table>().expect("TOML");
    assert_eq!(both["cors-origin"].as_array().map(Vec::len), Some(2));
    assert_eq!(both["directory-path"].as_str(), Some("a \"b\" é\\c"));
}

#[test]
fn folders_with_names_of_digits_are_printed_as_they_are() {
    let line = printed(&Call { flags: &["--session-db-path", "007"], ..Call::default() }, "session-db-path");
    assert_eq!(line, "session-db-path = \"007\" # flag");
}

/// Complains unless it ends with exit status 2, says all of `parts`, and has not opened anything.
fn refused(call: &Call<'_>, parts: &[&str]) -> Option<String> {
    let (output, opened) = finish(call);
    let errors = String::from_utf8_lossy(&output.stderr);
    let right = output.status.code() == Some(2) && parts.iter().all(|part| errors.contains(part));
    let what = format!("{:?} {:?} {:?}", call.flags, call.variables, call.files);
    let quiet = output.stdout.is_empty() && !opened && !errors.contains("listening");
    (!right || !quiet).then(|| format!("{what}: {} opened: {opened}, {errors}", output.status))
}

#[test]
fn bad_flags_are_refused() {
    let mut complaints = Vec::new();
    let mut check = |flags: &[&str], part: &str| {
        complaints.extend(refused(&Call { flags, ..Call::default() }, &[part]));
    };
    for (flag, values) in [
        ("--http-port", &["65536", "-1", "x", "", "1.0"][..]),
        ("--host", &["", "localhost", "1.2.3", "127.0.0.1:80", "*"]),
        ("--cors-origin", &["a\nb", "\u{1}"]),
        ("--queue-max", &["-1", "1000001", "x"]),
        ("--max-concurrent-executions", &["0", "1025", "-1", "two"]),
        ("--heap-memory-max", &["0", "4097", "8MB", "1.5"]),
        ("--external-memory-max", &["0", "16385"]),
        ("--execution-timeout", &["0", "301", "30s"]),
        ("--retain-executions", &["", "x", "-1", "7w", "1,,", "99999999999999999999d"]),
        ("--shutdown-grace", &["-1", "3601", "1s"]),
        ("--warm-heaps", &["-1", "4097", "many"]),
        ("--log-format", &["xml", ""]),
        ("--directory-path", &[""]),
        ("--session-db-path", &[""]),
        ("--heap-key", &[""]),
    ] {
        for value in values {
            let given = format!("{flag}={value}");
            let port = (flag != "--http-port").then_some("--http-port=0");
            check(&[given.as_str()].into_iter().chain(port).collect::<Vec<_>>(), flag);
        }
    }
    check(&["--http-port=0", "--unknown"], "--unknown");
    check(&["--http-port=0", "stray"], "stray");
    check(&["--http-port=0", "--sse-port=0"], "--sse-port");
    check(&["--http-port=0", "--stateless", "--directory-path=x"], "--directory-path");
    check(&["--http-port=0", "--stateless", "--session-db-path=x"], "--session-db-path");
    check(&["--http-port=0", "--queue-max=1", "--queue-max=2"], "--queue-max");
    check(&["--http-port=0", "--log=[["], "log filter");
    check(&["--http-port=0", "--config=absent.toml"], "absent.toml");
    assert_none(&complaints);
}

#[test]
fn bad_variables_and_files_are_refused() {
    let mut complaints = Vec::new();
    let none = Call { flags: &["--http-port=0"], ..Call::default() };
    for (variable, value) in [
        ("STASIS_QUEUE_MAX", "x"),
        ("STASIS_HOST", "nowhere"),
        ("STASIS_SSE_PORT", "0"),
        ("STASIS_HEAP_MEMORY_MAX", "0"),
        ("STASIS_STATELESS", "perhaps"),
        ("STASIS_LOG_FORMAT", "xml"),
        ("STASIS_RETAIN_EXECUTIONS", "7w"),
        ("STASIS_EXECUTION_TIMEOUT", ""),
    ] {
        let call = Call { variables: &[(variable, value)], ..none };
        complaints.extend(refused(&call, &[variable]));
    }
    let flags = &["--http-port=0", "--config=c.toml"];
    for (text, part) in [
        ("queue-max = 'x'", "--queue-max"),
        ("queue-max = -1", "--queue-max"),
        ("queue-max = 1.5", "queue-max has to be"),
        ("queue-max = [1]", "queue-max has to be"),
        ("queue-max = true", "queue-max has to be"),
        ("stateless = 'yes'", "stateless has to be"),
        ("cors-origin = true", "cors-origin has to be"),
        ("cors-origin = [1.5]", "cors-origin has to be"),
        ("quue-max = 1", "there is no setting \"quue-max\""),
        ("config = 'x'", "there is no setting \"config\""),
        ("help = true", "there is no setting \"help\""),
        ("[server]\nqueue-max = 1", "there is no setting \"server\""),
        ("sse-port = 0", "--sse-port"),
        ("queue-max = ", "line 1"),
        ("queue-max = 1\nqueue-max = 2", "duplicate key"),
        ("stateless = true\ndirectory-path = 'x'", "--directory-path"),
        ("\u{0}", ""),
    ] {
        let files = &[("c.toml", text)];
        complaints.extend(refused(&Call { flags, files, ..none }, &["c.toml", part]));
    }
    for text in ["", "[]", "null", "{\"queue-max\": 1", "{\"queue-max\": null}", "{\"x\": 1}"] {
        let flags = &["--http-port=0", "--config=c.json"];
        complaints.extend(refused(&Call { flags, files: &[("c.json", text)], ..none }, &["c.json"]));
    }
    complaints.extend(refused(&Call { flags: &["--http-port=0", "--config=."], ..none }, &["cannot read"]));
    assert_none(&complaints);
}

#[test]
fn the_source_of_a_bad_value_is_named_and_no_other() {
    let variables = &[("STASIS_LOG", "info"), ("STASIS_LOG_FORMAT", "xml")];
    let complaint =
        refused(&Call { flags: &["--http-port=0"], variables, files: &[] }, &["STASIS_LOG_FORMAT: "]);
    assert_eq!(complaint, None);
}

#[test]
fn an_origin_that_is_every_origin_is_refused() {
    let complaint =
        refused(&Call { flags: &["--http-port=0", "--cors-origin=*"], ..Call::default() }, &["cors-origin"]);
    assert_eq!(complaint, None);
}

#[test]
fn settings_have_an_effect_wherever_they_come_from() {
    let folder = support::folder();
    let file = folder.path().join("c.toml");
    fs::write(&file, "stateless = true\nexecution-timeout = 7").expect("written");
    let server =
        Server::at(folder.path(), &["--config", file.to_str().expect("UTF-8"), "--heap-memory-max=3"]);
    let check = |field: &str, value: u64, status: u16| {
        let run = serde_json::json!({ "code": "1", field: value });
        assert_eq!(server.post("/api/exec", &run).status, status, "{field} {value}");
    };
    check("execution_timeout_secs", 7, 202);
    check("execution_timeout_secs", 8, 400);
    check("heap_memory_max_mb", 3, 202);
    check("heap_memory_max_mb", 4, 400);
    assert_eq!(server.get("/api/sessions").status, 400);
}

#[test]
fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address");
    let flags = &["--http-port", &address.port().to_string()];
    assert_eq!(refused(&Call { flags, ..Call::default() }, &[&address.to_string(), "in use"]), None);
}

#[test]
fn two_servers_on_one_database_know_of_each_other() {
    let folder = support::folder();
    let database = folder.path().join("db");
    let database = ["--session-db-path", database.to_str().expect("UTF-8")];
    let first = Server::at(folder.path(), &database);
    let second = command(folder.path()).args(["--http-port", "0"]).args(database).spawn().expect("started");
    let output = wait(second);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && errors.contains(&first.pid().to_string()), "{errors}");
    assert!(!errors.contains("listening"), "{errors}");
    first.assert_serves();
    drop(first);
    Server::at(folder.path(), &database).assert_serves();
}

#[test]
fn the_older_flag_serves_the_same_routes() {
    let folder = support::folder();
    let mut child = command(folder.path()).args(["--sse-port", "0", "--stateless"]).spawn().expect("started");
    let mut line = String::new();
    let stderr = child.stderr.take().expect("piped");
    std::io::BufRead::read_line(&mut std::io::BufReader::new(stderr), &mut line).expect("UTF-8");
    let address = line.trim().strip_prefix("stasis: listening on http://").expect("an address");
    let mut client =
        super::client::Client::connect(address.parse().expect("an address")).expect("it listens");
    let answer = client.ask(&super::client::Request::post("/api/exec?wait=60").code("1")).expect("an answer");
    child.kill().expect("it is ours");
    child.wait().expect("it was killed");
    assert_eq!(answer.expect(200)["result"], "1");
}
