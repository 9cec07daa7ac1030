//! Which version of a package `Cargo.lock` holds.

use std::fs;

use crate::{failure::Failure, workspace};

/// Returns the locked version of `package`, of which there must be one.
pub(crate) fn locked_version(package: &str) -> Result<String, Failure> {
    let path = workspace::root().join("Cargo.lock");
    let text = fs::read_to_string(&path).map_err(Failure::file("read", &path))?;
    match versions(&text, package).as_slice() {
        [version] => Ok((*version).to_owned()),
        [] => Err(Failure::Broken(format!("Cargo.lock has no package `{package}`"))),
        several => Err(Failure::Broken(format!(
            "Cargo.lock has several versions of `{package}`: {}",
            several.join(", ")
        ))),
    }
}

/// Cargo writes each package as `[[package]]`, `name = "…"`, `version = "…"` on lines of their own.
fn versions<'a>(lockfile: &'a str, package: &str) -> Vec<&'a str> {
    let mut name = "";
    let mut found = Vec::new();
    for line in lockfile.lines() {
        if let Some(value) = value(line, "name") {
            name = value;
        } else if name == package
            && let Some(value) = value(line, "version")
        {
            found.push(value);
        }
    }
    found
}

fn value<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    line.strip_prefix(key)?.strip_prefix(" = \"")?.strip_suffix('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = r#"
version = 4

[[package]]
name = "v8"
version = "150.4.0"
source = "…"

[[package]]
name = "v8x"
version = "1.0.0"

[[package]]
name = "two"
version = "1.0.0"

[[package]]
name = "two"
version = "2.0.0"
"#;

    #[track_caller]
    fn check(package: &str, expect: &[&str]) {
        assert_eq!(versions(LOCK, package), expect);
    }

    #[test]
    fn versions_are_of_exactly_that_package() {
        check("v8", &["150.4.0"]);
        check("two", &["1.0.0", "2.0.0"]);
        check("none", &[]);
    }

    #[test]
    fn our_own_lockfile_has_one_v8() {
        assert!(locked_version("v8").unwrap().contains('.'));
    }
}
