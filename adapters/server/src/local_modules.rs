//! Modules that `stasis run FILE` may import: files below one folder.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use futures::{FutureExt as _, future::BoxFuture};
use stasis_core::{
    HostAnswer, HostCall, HostError, HostResult, RunHost,
    host::{ModuleKind, ModuleSource},
};
use url::Url;

/// Largest module that is read, in bytes.
const MAX_MODULE: u64 = 16 << 20;

/// Reads files below a folder when they are imported; everything else is another host's business.
pub(crate) struct LocalModules {
    /// Resolved; no file can be imported without one.
    root: Option<PathBuf>,
    beyond: Box<dyn RunHost>,
}

impl LocalModules {
    pub(crate) fn new(root: Option<PathBuf>, beyond: Box<dyn RunHost>) -> Self {
        Self { root, beyond }
    }
}

impl RunHost for LocalModules {
    fn call(&mut self, call: HostCall) -> BoxFuture<'static, HostResult> {
        match call {
            HostCall::LoadModule(url) if url.starts_with("file:") => {
                let root = self.root.clone();
                let read = tokio::task::spawn_blocking(move || load(root.as_deref(), &url));
                async move {
                    let read = read.await.unwrap_or_else(|_| Err("the module could not be read".to_owned()));
                    read.map(HostAnswer::Module).map_err(HostError::new)
                }
                .boxed()
            }
            other => self.beyond.call(other),
        }
    }
}

/// Reads a module; the error says what was wrong and what is possible.
fn load(root: Option<&Path>, specifier: &str) -> Result<ModuleSource, String> {
    let Some(root) = root else {
        return Err(format!(
            "Cannot import {specifier}: a script from standard input or a pipe has no folder to import from"
        ));
    };
    let path = Url::parse(specifier)
        .ok()
        .filter(|url| url.scheme() == "file")
        .and_then(|url| url.to_file_path().ok());
    let Some(path) = path else {
        return Err(format!("Cannot import {specifier}: only files can be imported here"));
    };
    let shown = path.display();
    let resolved = path.canonicalize().map_err(|error| explain(&path, &error))?;
    if !resolved.starts_with(root) {
        return Err(format!("Cannot import {shown}: only files below {} can be imported", root.display()));
    }
    let kind = kind_of(&resolved)
        .ok_or_else(|| format!("Cannot import {shown}: modules end in .ts, .mts, .js, .mjs or .json"))?;
    let metadata = fs::metadata(&resolved).map_err(|error| explain(&path, &error))?;
    if !metadata.is_file() || metadata.len() > MAX_MODULE {
        return Err(format!("Cannot import {shown}: not a file of at most {} MB", MAX_MODULE >> 20));
    }
    let text = fs::read_to_string(&resolved).map_err(|error| explain(&path, &error))?;
    Ok(ModuleSource { url: specifier.to_owned(), kind, text })
}

fn explain(path: &Path, error: &io::Error) -> String {
    let path = path.display();
    match error.kind() {
        io::ErrorKind::NotFound => format!("Cannot find module {path}"),
        io::ErrorKind::InvalidData => format!("Cannot import {path}: it is not UTF-8 text"),
        _ => format!("Cannot import {path}: {error}"),
    }
}

fn kind_of(path: &Path) -> Option<ModuleKind> {
    match path.extension()?.to_str()? {
        "ts" | "mts" => Some(ModuleKind::TypeScript),
        "js" | "mjs" => Some(ModuleKind::JavaScript),
        "json" => Some(ModuleKind::Json),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(root: Option<&Path>, specifier: &str, expect: Result<ModuleKind, &str>) {
        match (load(root, specifier), expect) {
            (Ok(module), Ok(kind)) => assert_eq!(module.kind, kind),
            (Err(error), Err(part)) => assert!(error.contains(part), "{error}"),
            (got, expect) => panic!("{specifier}: {got:?}, expected {expect:?}"),
        }
    }

    #[test]
    fn only_files_below_the_root_are_modules() {
        let outer = tempfile::tempdir().expect("folder");
        let outer = outer.path().canonicalize().expect("path");
        let root = outer.join("root");
        fs::create_dir_all(root.join("sub")).expect("folder");
        fs::write(root.join("sub/a.ts"), "export {}").expect("write");
        fs::write(root.join("b.json"), "{}").expect("write");
        fs::write(root.join("binary.js"), [0xff, 0xfe]).expect("write");
        fs::write(outer.join("secret.js"), "").expect("write");
        std::os::unix::fs::symlink(outer.join("secret.js"), root.join("link.js")).expect("link");
        let url = |path: &str| format!("file://{}/{path}", root.display());
        check(Some(&root), &url("sub/a.ts"), Ok(ModuleKind::TypeScript));
        check(Some(&root), &url("b.json"), Ok(ModuleKind::Json));
        check(Some(&root), &url("sub/../b.json"), Ok(ModuleKind::Json));
        check(Some(&root), &url("../secret.js"), Err("only files below"));
        check(Some(&root), &url("%2e%2e/secret.js"), Err("only files below"));
        check(Some(&root), &url("link.js"), Err("only files below"));
        check(Some(&root), &url("absent.ts"), Err("Cannot find module"));
        check(Some(&root), &url("sub"), Err("modules end in"));
        check(Some(&root), &url("binary.js"), Err("not UTF-8"));
        check(Some(&root), "https://example.com/a.js", Err("only files can be imported"));
        check(Some(&root), "npm:left-pad", Err("only files can be imported"));
        check(None, &url("b.json"), Err("standard input"));
    }
}
