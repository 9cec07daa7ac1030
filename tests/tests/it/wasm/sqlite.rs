//! The SQLite example: its script on SQLite's own build, in one run and over many.

use std::{fs, path::Path};

use super::Modules;
use crate::npm;

/// What the cells of this file do, in one run or each in a run of its own.
const CELLS: &[(&str, &str)] = &[
    (
        "var db = new SQLite();
         db.exec('CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT UNIQUE, age INTEGER)');
         db.exec(\"INSERT INTO users (name, age) VALUES ('Alice', 30)\");
         JSON.stringify(db.query('SELECT * FROM users'))",
        r#"{"columns":["id","name","age"],"rows":[{"id":1,"name":"Alice","age":30}]}"#,
    ),
    (
        "db.exec(\"INSERT INTO users (name) VALUES ('Bob'), ('Cy'); -- both\\n DELETE FROM users WHERE name = 'Cy'\")",
        "3",
    ),
    (
        "const given = [1, -0.5, 2n ** 53n + 1n, 'é\\0x', null, true, new Uint8Array([1, 255])];
         const [got] = db.query('SELECT ? a, ? b, ? c, ? d, ? e, ? f, ? g', given).rows;
         `${[got.a, got.b, got.c, got.d.length, got.e, got.f, got.g.constructor.name, got.g]}`",
        "1,-0.5,9007199254740993,3,,1,Uint8Array,1,255",
    ),
    (
        "JSON.stringify(db.query('SELECT typeof(:a) a, typeof($b) b, typeof(@c) c', { a: 1, $b: 1.5, c: '' }).rows)",
        r#"[{"a":"integer","b":"real","c":"text"}]"#,
    ),
    ("const { rows } = db.query('SELECT 1 AS __proto__, 2 AS b'); Object.keys(rows[0]).join()", "__proto__,b"),
    (
        "const thrown = (act) => { try { act(); return 'nothing' } catch (error) { return `${error.name}: ${error.message}` } };
         thrown(() => db.exec(\"INSERT INTO users (name) VALUES ('Bob')\"))",
        "SQLiteError: UNIQUE constraint failed: users.name",
    ),
    ("thrown(() => db.query('SELEC 1'))", "SQLiteError: near \"SELEC\": syntax error"),
    ("thrown(() => db.exec(\"ATTACH 'file.db' AS f\"))", "SQLiteError: unable to open database: file.db"),
    ("thrown(() => db.query('SELECT 1; SELECT 2'))", "Error: query takes one statement; use exec for several"),
    ("thrown(() => db.query('SELECT ?', []))", "RangeError: the statement has 1 parameter(s), not 0"),
    ("thrown(() => db.query('SELECT ?', [2n ** 63n]))", "RangeError: parameter 1 does not fit into 64 bits"),
    (
        "thrown(() => db.query('SELECT ?', [{}]))",
        "TypeError: parameter 1 cannot be Object: use a number, bigint, string, boolean, Uint8Array or null",
    ),
    // The transaction stays open to the next cell.
    ("db.exec('BEGIN; DELETE FROM users'); db.query('SELECT count(*) n FROM users').rows[0].n", "0"),
    ("db.exec('ROLLBACK'); db.query('SELECT count(*) n FROM users').rows[0].n", "2"),
    (
        "db.exec('CREATE TABLE big AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000) SELECT i, hex(randomblob(32)) x FROM n');
         db.exec('CREATE INDEX by_x ON big (x); VACUUM');
         db.query('SELECT count(DISTINCT x) n FROM big').rows[0].n + db.query('PRAGMA integrity_check').rows[0].integrity_check",
        "50000ok",
    ),
    (
        "const now = db.query(\"SELECT unixepoch() utc, datetime('now', 'localtime') local\").rows[0];
         Math.abs(now.utc - Date.now() / 1000) < 5 && now.local.length === 19",
        "true",
    ),
    (
        "var other = new SQLite(); other.exec('CREATE VIRTUAL TABLE f USING fts5(x)');
         other.exec('INSERT INTO f VALUES (?)', ['hello world']);
         db.close(); db.close();
         other.query(\"SELECT x FROM f WHERE f MATCH 'hello'\").rows[0].x",
        "hello world",
    ),
    ("thrown(() => db.query('SELECT 1'))", "Error: the database is closed"),
];

fn script() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/examples/sqlite-wasm/sqlite.js");
    fs::read_to_string(path).expect("the example is there")
}

fn modules() -> Modules {
    let mut modules = Modules::new();
    let wasm = npm::installed("@sqlite.org/sqlite-wasm").join("dist/sqlite3.wasm");
    let flags = ["--wasm-module".to_owned(), format!("sqlite={}", wasm.display())];
    modules.flags.extend(flags.into_iter().chain(["--heap-memory-max", "32"].map(str::to_owned)));
    modules
}

#[test]
fn the_readmes_code_runs_without_state() {
    let code = "var db = new SQLite();
        db.exec('CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, age INTEGER)');
        db.exec(\"INSERT INTO users (name, age) VALUES ('Alice', 30)\");
        var result = db.query('SELECT * FROM users');
        db.close();
        JSON.stringify(result.rows);";
    modules().check(&(script() + code), r#"[{"id":1,"name":"Alice","age":30}]"#);
}

#[test]
fn a_database_lives_across_runs() {
    let modules = modules();
    let mut heap: Option<String> = None;
    for (number, (code, expect)) in CELLS.iter().enumerate() {
        // The script is there once; a second copy does no harm.
        let code = if number < 2 { script() + code } else { (*code).to_owned() };
        let cli = modules.cli(&code);
        let (result, left) = heap.iter().fold(cli, |cli, heap| cli.heap(heap)).saved();
        assert_eq!(result, *expect, "{code}");
        heap = Some(left);
    }
}

#[test]
fn branches_get_their_own_random_numbers() {
    let modules = modules();
    let (_, heap) =
        modules.cli(&(script() + "var db = new SQLite(); db.query('SELECT random()'); 0")).saved();
    let draw = || modules.cli("db.query('SELECT hex(randomblob(16)) x').rows[0].x").heap(&heap).saved().0;
    assert_ne!(draw(), draw());
}

#[test]
fn without_the_module_the_script_says_what_is_missing() {
    let answer = Modules::new().stateless(&(script() + "new SQLite()"));
    let error = answer.error.unwrap_or_default();
    assert!(error.contains("start the server with --wasm-module sqlite=PATH"), "{error}");
}

/// The package that people get is the one that is tested.
#[test]
fn the_versions_agree() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| fs::read_to_string(tests.join(path)).expect("it is there");
    let package: serde_json::Value = serde_json::from_str(&read("package.json")).expect("JSON");
    let version = package["dependencies"]["@sqlite.org/sqlite-wasm"].as_str().expect("it is named");
    let line = format!("\nPACKAGE=@sqlite.org/sqlite-wasm@{version}\n");
    assert!(
        read("../infra/examples/sqlite-wasm/get.sh").contains(&line),
        "get.sh names another than {version}"
    );
}
