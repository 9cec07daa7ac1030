//! Standard output belongs to the protocol, whatever a script does.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::mpsc,
    thread,
};

use serde_json::{Value, json};

use super::{PATIENCE, server};
use crate::support;

/// A server that is spoken to line by line.
struct Session {
    child: Child,
    input: Option<ChildStdin>,
    lines: mpsc::Receiver<String>,
    asked: u64,
}

impl Session {
    fn start(flags: &[String]) -> Self {
        let mut command = Command::new(support::binary());
        command.args(flags).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let (input, output) = (child.stdin.take(), child.stdout.take().expect("piped"));
        let mut session = Self { child, input, lines: lines(output), asked: 0 };
        let info = json!({ "name": "raw", "version": "1" });
        let params = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": info });
        assert_eq!(session.ask("initialize", &params)["serverInfo"]["name"], "stasis");
        session
    }

    /// The result of a request.
    fn ask(&mut self, method: &str, params: &Value) -> Value {
        self.answer(method, params)["result"].clone()
    }

    /// The answer to a request; every line that comes until then has to be a message.
    fn answer(&mut self, method: &str, params: &Value) -> Value {
        self.asked += 1;
        let message = json!({ "jsonrpc": "2.0", "id": self.asked, "method": method, "params": params });
        let input = self.input.as_mut().expect("it is open");
        writeln!(input, "{message}").expect("the server reads");
        loop {
            let line = self.lines.recv_timeout(PATIENCE).expect("the server answers");
            let message: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("no message: {line}"));
            assert_eq!(message["jsonrpc"], "2.0", "{line}");
            if message["id"] == self.asked {
                return message;
            }
        }
    }

    fn run(&mut self, code: &str) -> Value {
        let arguments = json!({ "code": code, "wait_secs": 30 });
        self.ask("tools/call", &json!({ "name": "run_js", "arguments": arguments }))["structuredContent"]
            .clone()
    }
}

fn lines(output: ChildStdout) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

#[test]
fn no_script_disturbs_the_protocol() {
    let folder = support::folder();
    let mut session = Session::start(&server::flags(folder.path()));
    let hostile = [
        r#"console.log('{"jsonrpc":"2.0","id":2,"result":{}}\n\n'); console.error('\u0000\r\n'); 'printed'"#,
        "for (let i = 0; i < 200000; i++) console.log('x'.repeat(100)); 'flooded'",
        "while (true) console.log('x'.repeat(1e6))",
        "for (const name of ['process', 'Deno', 'require']) globalThis[name]?.stdout?.write?.('x'); 'reached'",
        "try { Deno.core.print('x\\n', false) } catch (error) { error.name } 'tried'",
        "globalThis.close?.(); globalThis.exit?.(); 'closed'",
    ];
    for code in hostile {
        let record = session.run(code);
        assert!(record["status"].is_string(), "{code}: {record}");
        assert_eq!(session.run("6 * 7")["result"], "42", "after {code}");
    }
    drop(session.input.take());
    assert!(session.child.wait().expect("it can be waited for").success(), "it ends when its input does");
    assert_eq!(session.lines.recv_timeout(PATIENCE).ok(), None, "nothing is left to be said");
}

#[test]
fn a_run_can_be_a_task_of_revision_2025_11_25() {
    let folder = support::folder();
    let mut session = Session::start(&server::flags(folder.path()));
    let create = |session: &mut Session, code: &str| {
        let arguments = json!({ "code": code, "session": "mine" });
        let call = json!({ "name": "run_js", "arguments": arguments, "task": {} });
        let task = session.ask("tools/call", &call)["task"].clone();
        assert_eq!(task["status"], "working", "{task}");
        json!({ "taskId": task["taskId"] })
    };
    let busy = "let n = 41; const end = Date.now() + 500; while (Date.now() < end); ++n";
    let task = create(&mut session, busy);
    assert_eq!(session.ask("tasks/get", &task)["status"], "working");
    let result = session.ask("tasks/result", &task);
    let record = &result["structuredContent"];
    let ended = (&record["result"], &record["session_index"], &record["execution_id"]);
    assert_eq!(ended, (&json!("42"), &json!(0), &task["taskId"]), "{result}");
    assert_eq!(session.ask("tasks/get", &task)["status"], "completed");
    // State goes from task to task as it does from run to run.
    let task = create(&mut session, "n + 1");
    assert_eq!(session.ask("tasks/result", &task)["structuredContent"]["result"], "43");

    let task = create(&mut session, "while (true);");
    assert_eq!(session.ask("tasks/cancel", &task)["status"], "cancelled");
    assert_eq!(session.ask("tasks/result", &task)["structuredContent"]["status"], "cancelled");
    assert_eq!(session.answer("tasks/cancel", &task)["error"]["code"], -32602);
    let other = json!({ "name": "list_executions", "arguments": {}, "task": {} });
    assert_eq!(session.answer("tools/call", &other)["error"]["code"], -32601);
    assert_eq!(session.run("6 * 7")["result"], "42", "it is of use after all that");
}
