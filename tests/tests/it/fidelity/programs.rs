//! Random programs: what they give over many generations must be what Node gives in one process.

use std::{fmt::Write as _, fs, process::Command};

use super::{
    data,
    place::{self, Place},
};

const PROGRAMS: u64 = 50;
const CELLS: usize = 5;
const STATEMENTS: u64 = 14;

/// Fibonacci-hashed counter (splitmix64): small, and the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (x ^ (x >> 31)) % end
    }

    fn one_of<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len() as u64) as usize]
    }
}

/// What programs do. `$a`, `$b` stand for values, `$k` for a key, `$i` for a small number, `$n` for a number
/// that no other statement gets. `digest` in `prelude.js` tells what all of it comes to.
const STATEMENTS_OF: &[&str] = &[
    "s.map.set($k, $a);",
    "s.map.delete($k); s.map.set($k, [$a, $b]);",
    "s.set.add($a); s.set.delete($b);",
    "s.list.push($a, $b); if (s.list.length > 60) s.list.splice($i, 40);",
    "s.list[$i * 9] = $a; delete s.list[$i];",
    "s.list.sort((x, y) => String(tell(x)) < String(tell(y)) ? -1 : 1);",
    "s.object[$k] = $a; if ($i % 3 === 0) delete s.object[$k];",
    "s.object['nested' + $i] = s.object; s.object[$i] = s.map;",
    "s.counters.push(counter($i)); for (const c of s.counters) c($i);",
    "s.closures.push(((x, y) => (z) => { x = [x, z].slice(-2); return tell([x, y]); })($a, $b)); note(s.closures.at(-$i - 1)?.($a));",
    "s.generators.push(walk($a, $i)); for (const g of s.generators) note(g.next($b).value);",
    "note(s.generators[$i]?.return($a).value); s.generators.push(nest(s.generators[0], $i));",
    "try { s.generators[$i]?.throw(new Error($k)) } catch (error) { note(error.message) }",
    "s.iterators.push(s.map.entries(), s.list.values(), s.set.keys()); for (const it of s.iterators.slice(-5)) note(it.next().value);",
    "s.bytes[$i * 3] += $i * 77; s.floats[$i] = $i / 7; s.view.setInt32($i, $i * -12345, true);",
    "s.bytes.copyWithin($i, $i + 5); s.floats.set(s.floats.subarray(0, 3), $i % 5);",
    "class C$n extends s.classes.at(-1) { #p = $a; get p() { return [this.#p, super.p]; } } s.classes.push(C$n); s.instances.push(new C$n($b));",
    "note(s.instances[$i]?.p); if (s.instances.length > 8) s.instances.shift();",
    "s.text += $k + '\\u00e9' + $i; s.text = s.text.slice(-500); s.slices.push(s.text.slice($i, $i + 30)); s.slices = s.slices.slice(-9);",
    "s.big = (s.big * 1000003n + BigInt($i)) ** 2n % (1n << 521n);",
    "note(s.regexp.exec(s.text)?.index ?? -1, s.regexp.lastIndex);",
    "s.weak.set(s.keys[$i % 4], $a); note(s.weak.get(s.keys[$i % 4]), s.weak.has({}));",
    "s.proxy[$k] = $a; note($k in s.proxy, s.proxy.absent, Object.keys(s.proxy).length);",
    "s.promises.push(waiting($k)); for (const settle of s.settlers.splice(0, $i % 3)) settle($a);",
    "s.dates.push(new Date($i * 1e11)); s.dates = s.dates.slice(-4); s.dates[0].setUTCMonth($i);",
    "s.symbols[$i % 3] = Symbol($k); s.object[s.symbols[0]] = $a;",
    "Object.defineProperty(s.object, $k, { get: () => $a, enumerable: true, configurable: true });",
    "s.frozen.push(Object.freeze([$a, { deep: $b }])); s.frozen = s.frozen.slice(-5); try { (() => { 'use strict'; s.frozen[0][0] = 1; })() } catch (error) { note(error.name) }",
    "for (let i = 0; i < 3000; i++) s.hot = mix(s.hot, i & 255, i % 100 ? 1 : $i);",
    "var v$n = $a; function f$n(x) { return [x, v$n]; } s.functions.push(f$n); note(s.functions[$i]?.($b));",
    "s.functions.push(new Function('x', 'return [x, ' + $i + ']')); note(s.functions.at(-1)($a)); if (s.functions.length > 12) s.functions.splice(0, 6);",
    "label: for (const x of s.list) { for (const y of s.set) if (x === y) { note(x); continue label; } if (x === $a) break label; }",
];

const VALUES: &[&str] = &[
    "$i",
    "-$i / 8",
    "'text $n'",
    "null",
    "undefined",
    "NaN",
    "-0",
    "$in",
    "true",
    "[$i, 'x']",
    "{ $k2: $i }",
    "s.list.at($i)",
    "s.map",
    "s.object",
    "s.keys[0]",
    "2 ** 40 + $i",
    "'é'.repeat($i)",
    "s.list.length",
    "() => $i",
    "s.symbols[1]",
];
const KEYS: &[&str] = &["'a'", "'b'", "'key'", "'7'", "'ü'", "'__x'", "'long key with words'"];

/// The cells of a program; each ends with what `digest` tells.
fn program(seed: u64) -> Vec<String> {
    let mut random = Random(seed);
    let prelude = fs::read_to_string(data("prelude.js")).expect("it is there");
    let mut unique = 0;
    let mut cell = |start: &str| {
        let mut code = start.to_owned();
        for _ in 0..STATEMENTS {
            unique += 1;
            let statement = random.one_of(STATEMENTS_OF);
            let _infallible = writeln!(code, "{}", fill(statement, unique, &mut random));
        }
        code + "digest()"
    };
    let mut cells = vec![cell(&prelude)];
    cells.extend((1..CELLS).map(|_| cell("")));
    cells
}

fn fill(statement: &str, unique: u32, random: &mut Random) -> String {
    let [a, b] = [random.one_of(VALUES), random.one_of(VALUES)];
    let key = random.one_of(KEYS);
    let text = statement.replace("$a", &format!("({a})")).replace("$b", &format!("({b})"));
    let text = text.replace("({ ", "({").replace("$k2", "k").replace("$k", key);
    let text = text.replace("$n", &unique.to_string());
    text.replace("$i", &random.below(10).to_string())
}

#[test]
fn random_programs_give_what_node_gives() {
    let programs: Vec<Vec<String>> = (1..=PROGRAMS).map(program).collect();
    let place = Place::new("programs").with(&["--heap-memory-max", "64"]);
    let expected = in_node(&place, &programs);
    let mut complaints = Vec::new();
    for ((seed, cells), expected) in (1..).zip(&programs).zip(&expected) {
        let mut heap = None;
        for (number, (cell, expect)) in (1..).zip(cells.iter().zip(expected)) {
            let (got, left) = place.step(cell, heap.as_deref());
            if got != *expect {
                complaints.push(format!(
                    "program {seed}, cell {number}:\n{cell}\n  expected: {expect}\n  got:      {got}"
                ));
                break;
            }
            heap = Some(left);
        }
    }
    assert!(complaints.is_empty(), "{} programs differ\n{}", complaints.len(), complaints.join("\n"));
}

/// Runs each program in a context of its own, in one process; gives a line for each cell.
fn in_node(place: &Place, programs: &[Vec<String>]) -> Vec<Vec<String>> {
    fs::create_dir_all(place.files()).expect("the place can be written");
    let file = place.files().join("programs.txt");
    let all: Vec<String> = programs.iter().map(|cells| cells.join("\n//---\n")).collect();
    fs::write(&file, all.join("\n//===\n")).expect("the place can be written");
    let mut node = Command::new("node");
    node.arg(data("model.mjs")).arg(&file);
    let (status, stdout, stderr) = place::finish(node, "");
    assert_eq!(status, Some(0), "this test needs node: {stderr}");
    let lines: Vec<String> = stdout.lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), programs.len() * CELLS);
    lines.chunks(CELLS).map(<[String]>::to_vec).collect()
}
