//! Who waits for the first base image is told so, on terminals only.

use std::{
    fs::{self, File},
    io::Read as _,
    os::fd::OwnedFd,
    path::Path,
    process::{Command, Stdio},
    thread,
};

use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, unlockpt};

use crate::support::{self, Cli};

const MESSAGE: &str = "preparing the base image";

#[test]
fn a_terminal_shows_that_the_base_image_is_made_once() {
    let store = support::folder();
    let check = |flags: &[&str], expect: bool| {
        let shown = on_terminal(store.path(), flags);
        assert_eq!(shown.contains(MESSAGE), expect, "{flags:?}: {shown:?}");
    };
    check(&[], true);
    check(&[], false);
    check(&["--stateless"], false);
}

#[test]
fn programs_are_not_shown_any_progress() {
    let shown = on_terminal(support::folder().path(), &["--json"]);
    assert_eq!(shown, "");
    let store = support::folder();
    let ended = Cli::script("1 + 1", store.path()).finish();
    let lines: Vec<&str> = ended.stderr.lines().collect();
    assert!(matches!(lines[..], [heap] if heap.starts_with("heap ")), "{ended:?}");
}

/// What a run that returns 2 writes to standard error, which is a terminal.
fn on_terminal(store: &Path, flags: &[&str]) -> String {
    let files = support::folder();
    let script = files.path().join("add.js");
    fs::write(&script, "1 + 1").expect("write");
    let (terminal, stderr) = terminal();
    let mut command = Command::new(support::binary());
    command.arg("run").arg(script).arg("--directory-path").arg(store).args(flags).env("TERM", "xterm");
    let started = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr).spawn();
    // The command has the terminal open, too, until then.
    drop(command);
    let mut child = started.expect("started");
    let shown = thread::spawn(move || {
        let mut shown = Vec::new();
        // Its end is an error on Linux: nobody has the other side open any more.
        let _hung_up = File::from(terminal).read_to_end(&mut shown);
        String::from_utf8_lossy(&shown).into_owned()
    });
    let mut printed = String::new();
    child.stdout.take().expect("piped").read_to_string(&mut printed).expect("UTF-8");
    assert!(child.wait().expect("a child can be waited for").success(), "{printed}");
    assert!(printed.contains('2'), "{printed}");
    shown.join().expect("reading does not panic")
}

/// A new terminal: the side of whoever looks at it, and that of the programs.
fn terminal() -> (OwnedFd, OwnedFd) {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let terminal = openpt(flags).expect("there are terminals left");
    unlockpt(&terminal).expect("it is ours");
    let programs = ioctl_tiocgptpeer(&terminal, flags).expect("it is unlocked");
    (terminal, programs)
}
