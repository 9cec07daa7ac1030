//! Packages that tests run on the product.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, PoisonError},
};

/// The folder of a package that `tests/package.json` names. Installs them all if they are not there.
pub(crate) fn installed(package: &str) -> PathBuf {
    static INSTALLING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = INSTALLING.lock().unwrap_or_else(PoisonError::into_inner);
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tests.join("../target/npm");
    let wanted = tests.join("package-lock.json");
    let done = folder.join("installed.json");
    let read = |path: &Path| fs::read_to_string(path).unwrap_or_default();
    if read(&done) != read(&wanted) || !folder.join("node_modules").join(package).is_dir() {
        fs::create_dir_all(&folder).expect("the target directory can be written");
        for name in ["package.json", "package-lock.json"] {
            fs::copy(tests.join(name), folder.join(name)).expect("it can be copied");
        }
        let mut npm = Command::new("npm");
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(&folder);
        let output = npm.output().expect("this test needs npm");
        let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "this test needs npm's registry, and `npm ci` failed:\n{said}");
        fs::copy(wanted, done).expect("it can be copied");
    }
    folder.join("node_modules").join(package)
}
