//! SQLite, compiled to WebAssembly, keeps its database in the heap.

use std::{fs, path::Path};

use super::place::Place;
use crate::npm;

#[test]
fn a_database_lives_in_the_heap() {
    let place = Place::new("sqlite").with(&["--heap-memory-max", "64"]);
    let mut heap = None;
    for (number, (code, expect)) in (1..).zip(&generations(&npm::installed("sql.js"))) {
        let (shown, left) = place.step(code, heap.as_deref());
        assert_eq!(shown, *expect, "generation {number}");
        heap = Some(left);
    }
}

fn generations(package: &Path) -> Vec<(String, &'static str)> {
    let script = fs::read_to_string(package.join("dist/sql-wasm.js")).expect("sql.js has it");
    let wasm = base64(&fs::read(package.join("dist/sql-wasm.wasm")).expect("sql.js has it"));
    let first = format!(
        "{script}
const SQL = await initSqlJs({{ wasmBinary: Uint8Array.from(atob('{wasm}'), (c) => c.charCodeAt(0)) }});
const db = new SQL.Database();
const rows = (text, bound) => JSON.stringify(db.exec(text, bound)[0]?.values ?? []);
db.create_function('twice', (n) => n * 2);
db.run('create table people (id integer primary key, name text unique, born real, photo blob); create index by_born on people (born)');
const insert = db.prepare('insert into people (name, born, photo) values (?, ?, ?)');
for (const [name, born] of [['Ada', 1815], ['Emmy', 1882], ['Grace', 1906.5]]) insert.run([name, born, new Uint8Array([1, 2, born % 256])]);
rows('select name, twice(born) from people order by born')"
    );
    let rest = [
        (
            "insert.run(['Hedy', 1914, null]);
             db.run('begin'); db.run('delete from people'); const within = rows('select count(*) from people'); db.run('rollback');
             within + rows('select count(*), max(id) from people')",
            "[[0]][[4,4]]",
        ),
        (
            "const walking = db.prepare('select name from people order by name');
             walking.step();
             let refused; try { insert.run(['Ada', 0, null]) } catch (error) { refused = error.message }
             db.run('begin; create table log (line text)');
             `${walking.get()} ${refused}`",
            "Ada UNIQUE constraint failed: people.name",
        ),
        // A statement is half read, and a transaction open.
        ("walking.step(); db.run(\"insert into log values ('kept')\"); `${walking.get()}`", "Emmy"),
        (
            "walking.step(); db.run('commit');
             db.run('with recursive n(i) as (select 1 union all select i + 1 from n where i < 20000) insert into log select hex(i) from n');
             `${walking.get()} ` + rows('select count(*), min(rowid), max(length(line)) from log')",
            "Grace [[20001,1,10]]",
        ),
        (
            "const copy = new SQL.Database(db.export());
             db.close();
             JSON.stringify(copy.exec('select name, hex(photo) from people where born > 1850 order by id; pragma integrity_check').map((it) => it.values))",
            r#"[[["Emmy","01025A"],["Grace","010272"],["Hedy",""]],[["ok"]]]"#,
        ),
        ("copy.exec('select sum(length(line)) from log')[0].values[0][0] > 100000", "true"),
    ];
    let mut all = vec![(first, r#"[["Ada",3630],["Emmy",3764],["Grace",3813]]"#)];
    all.extend(rest.map(|(code, expect)| (code.to_owned(), expect)));
    all
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits = (0..3).fold(0_u32, |bits, at| bits << 8 | u32::from(group.get(at).copied().unwrap_or(0)));
        for place in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * place)) as usize & 63];
            text.push(if place <= group.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

#[test]
fn base64_is_the_usual_one() {
    for (bytes, expect) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")] {
        assert_eq!(base64(bytes.as_bytes()), expect);
    }
}
