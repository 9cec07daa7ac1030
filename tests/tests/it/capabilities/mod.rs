//! What scripts can reach, through the binary: fetch, files and modules, against servers and folders of the
//! tests' own. Contract, section 6.

mod bodies;
mod configuration;
mod fetch;
mod files;
mod hostile;
mod kept;
mod modules;
mod policies;
mod reloads;
mod secrets;
mod waiting;
mod web;

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::support::{self, Answer, Cli};
use web::Web;

/// Allows everything; `{package}` is the section's.
const ALLOW_ALL: &str = "package {package}\n\ndefault allow := true\n";

/// Scripts with what they may reach, each on the heap of the one before.
struct Scripts {
    folder: tempfile::TempDir,
    flags: Vec<String>,
    heap: Option<String>,
    /// What `{web}` and `{folder}` stand for in scripts.
    words: Vec<(&'static str, String)>,
}

impl Scripts {
    /// Scripts that can reach nothing.
    fn new() -> Self {
        let this = Self { folder: support::folder(), flags: Vec::new(), heap: None, words: Vec::new() };
        fs::create_dir(this.path("files")).expect("a new folder");
        let files = this.path("files").canonicalize().expect("it is there");
        Self { words: vec![("{folder}", text(&files))], ..this }
    }

    /// Scripts that can fetch everything from a server.
    fn with_fetch(web: &Web) -> Self {
        Self::new().allow("fetch", ALLOW_ALL).flags(&["--fetch-allow-private"]).web(web)
    }

    /// Scripts that can do everything in the folder `{folder}`.
    fn with_files() -> Self {
        let this = Self::new();
        let files = this.files();
        let policy = format!(
            "package mcp.filesystem\n\ndefault allow := false\n\ninside(path) if startswith(path, \"{files}/\")\n\
             inside(path) if path == \"{files}\"\n\nallow if {{\n\tinside(input.path)\n\
             \tinside(object.get(input, \"destination\", input.path))\n}}\n",
        );
        this.allow("filesystem", &policy)
    }

    /// Scripts that can import modules from a server.
    fn with_modules(web: &Web) -> Self {
        let base = web.url("");
        let flags = ["--allow-external-modules", "--fetch-allow-private", "--module-base-url", &base];
        Self::new().flags(&flags).web(web)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The folder `{folder}`.
    fn files(&self) -> String {
        self.words[0].1.clone()
    }

    fn web(mut self, web: &Web) -> Self {
        self.words.push(("{web}", web.url("")));
        self
    }

    fn flags(mut self, flags: &[&str]) -> Self {
        self.flags.extend(flags.iter().map(|flag| (*flag).to_owned()));
        self
    }

    /// Adds a policy for a section.
    fn allow(self, section: &str, rego: &str) -> Self {
        let rego = rego.replace("{package}", &format!("mcp.{section}"));
        fs::write(self.path(&format!("{section}.rego")), rego).expect("written");
        let sections = ["fetch", "filesystem", "modules"].into_iter().filter_map(|section| {
            let file = self.path(&format!("{section}.rego"));
            let url = format!("file://{}", file.display());
            file.exists().then(|| (section.to_owned(), serde_json::json!({ "policies": [{ "url": url }] })))
        });
        let settings = serde_json::Value::Object(sections.collect());
        let file = self.path("policies.json");
        fs::write(&file, settings.to_string()).expect("written");
        if self.flags.iter().any(|flag| flag == "--policies-json") {
            return self;
        }
        self.flags(&["--policies-json", &text(&file)])
    }

    /// Forgets what scripts may reach, and goes on with the heap.
    fn without_capabilities(&mut self) {
        self.flags.clear();
    }

    fn cli(&self, code: &str) -> Cli {
        let code =
            self.words.iter().fold(code.to_owned(), |code, (word, meaning)| code.replace(word, meaning));
        Cli::script(code, &self.path("heaps")).args(&self.flags)
    }

    /// Runs a cell; a heap that it leaves is where the next one starts.
    #[track_caller]
    fn cell(&mut self, code: &str) -> Answer {
        let cli = self.cli(code);
        let answer = match &self.heap {
            Some(heap) => cli.heap(heap),
            None => cli,
        }
        .answer();
        assert_eq!(answer.heap_error, None, "{code}");
        if answer.heap.is_some() {
            self.heap.clone_from(&answer.heap);
        }
        answer
    }

    /// Runs a cell that must give this result, or, with an `!` in front, throw this.
    #[track_caller]
    fn then(&mut self, code: &str, expect: &str) {
        if let Some(complaint) = complaint(code, &self.cell(code), expect) {
            panic!("{complaint}");
        }
    }

    /// What is wrong with a script that is run by itself.
    fn complaint(&self, code: &str, expect: &str) -> Option<String> {
        complaint(code, &self.run(code), expect)
    }

    /// Fails unless each script, run by itself, gives its result or, with an `!` in front, throws it.
    #[track_caller]
    fn check(&self, cases: &[(&str, &str)]) {
        let complaints: Vec<String> =
            cases.iter().filter_map(|(code, expect)| self.complaint(code, expect)).collect();
        support::assert_none(&complaints);
    }

    /// Runs a script by itself.
    #[track_caller]
    fn run(&self, code: &str) -> Answer {
        self.cli(code).arg("--stateless").answer()
    }
}

fn complaint(code: &str, answer: &Answer, expect: &str) -> Option<String> {
    let right = match expect.strip_prefix('!') {
        Some(error) => answer.error.as_deref().is_some_and(|thrown| thrown.starts_with(error)),
        None => answer.result.as_deref() == Some(expect),
    };
    (!right).then(|| {
        format!("{code}\n    {:?} {:?} {:?}\n    {expect:?}", answer.status, answer.result, answer.error)
    })
}

fn text(path: &Path) -> String {
    path.to_str().expect("a temporary folder's name is text").to_owned()
}
