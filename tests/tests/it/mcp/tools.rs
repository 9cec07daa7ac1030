//! The programs of others that these tests need, installed into the target directory.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// The folder with the packages that `tests/mcp/package.json` names, and our scripts beside them.
pub(super) fn node() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = folder("mcp");
        install(&folder, &["package.json", "package-lock.json", "client.mjs"], "package-lock.json", || {
            let mut npm = Command::new("npm");
            npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(&folder);
            succeed(npm);
        });
        folder
    })
}

/// A Python that has the packages that `tests/mcp/requirements.txt` names.
pub(super) fn python() -> &'static Path {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    PYTHON.get_or_init(|| {
        let folder = folder("mcp-python");
        let python = folder.join("venv/bin/python");
        install(&folder, &["requirements.txt"], "requirements.txt", || {
            let mut venv = Command::new("python3");
            venv.args(["-m", "venv", "venv"]).current_dir(&folder);
            succeed(venv);
            let mut pip = Command::new(&python);
            pip.args(["-m", "pip", "install", "--quiet", "-r", "requirements.txt"]).current_dir(&folder);
            succeed(pip);
        });
        python
    })
}

/// A file of `tests/mcp`.
pub(super) fn ours(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("mcp").join(name)
}

fn folder(name: &str) -> PathBuf {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("it is in the workspace").join("target");
    folder.join(name)
}

/// Brings a folder up to date: what is installed there is what `lock` says.
fn install(folder: &Path, files: &[&str], lock: &str, install: impl FnOnce()) {
    let done = folder.join("installed");
    let read = |path: &Path| fs::read_to_string(path).unwrap_or_default();
    fs::create_dir_all(folder).expect("the target directory can be written");
    for name in files {
        fs::copy(ours(name), folder.join(name)).expect("it can be copied");
    }
    if read(&done) != read(&ours(lock)) {
        install();
        fs::copy(ours(lock), done).expect("it can be copied");
    }
}

fn succeed(mut command: Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "this test needs npm, python3 and their registries, and {command:?} failed:\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
