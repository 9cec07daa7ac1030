//! Branches of one heap share everything but chance.

use std::collections::HashMap;

use super::place::Place;

const BRANCHES: usize = 8;

/// Defines `draw`, whose result has a line for everything that chance decides: a kind, and a value.
const SOURCES: &str = r#"
const hex = (bytes) => Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");
const subtle = crypto.subtle;
const secret = async (algorithm, usages, format = "pkcs8") => {
  const made = await subtle.generateKey(algorithm, true, usages);
  return hex(await subtle.exportKey(format, made.privateKey ?? made));
};
async function draw() {
  const lines = [];
  const add = (kind, value) => lines.push(`${kind} ${value}`);
  for (let i = 0; i < 3; i++) {
    add("Math.random", Math.random());
    add("randomUUID", crypto.randomUUID());
    add("getRandomValues", hex(crypto.getRandomValues(new Uint8Array(16))));
  }
  add("getRandomValues of a large array", hex(crypto.getRandomValues(new Uint8Array(65536)).subarray(65000, 65032)));
  add("AES key", await secret({ name: "AES-GCM", length: 256 }, ["encrypt"], "raw"));
  add("HMAC key", await secret({ name: "HMAC", hash: "SHA-256" }, ["sign"], "raw"));
  add("ECDSA key", await secret({ name: "ECDSA", namedCurve: "P-256" }, ["sign", "verify"]));
  add("ECDH key", await secret({ name: "ECDH", namedCurve: "P-384" }, ["deriveBits"]));
  add("Ed25519 key", await secret("Ed25519", ["sign", "verify"]));
  add("X25519 key", await secret("X25519", ["deriveBits"]));
  return lines.join("\n");
}
"#;

/// What was drawn, and by whom.
#[derive(Default)]
struct Draws {
    seen: HashMap<String, String>,
    complaints: Vec<String>,
}

impl Draws {
    fn add(&mut self, who: &str, lines: &str) {
        for line in lines.lines() {
            let first = self.seen.insert(line.to_owned(), who.to_owned());
            self.complaints.extend(first.map(|other| format!("{who} drew the same as {other}: {line}")));
        }
    }

    #[track_caller]
    fn check(self, at_least: usize) {
        assert!(self.complaints.is_empty(), "{}", self.complaints.join("\n"));
        assert!(self.seen.len() >= at_least, "only {} draws", self.seen.len());
    }
}

#[test]
fn branches_and_fresh_runs_draw_different_numbers() {
    let place = Place::new("randomness");
    let mut draws = Draws::default();
    // Whatever keeps random numbers in store has some now.
    let (first, heap) = place.step(&format!("{SOURCES}\nawait draw()"), None);
    draws.add("the root", &first);
    let mut second_generation = Vec::new();
    for branch in 0..BRANCHES {
        let (drawn, heap) = place.step("await draw()", Some(&heap));
        draws.add(&format!("branch {branch}"), &drawn);
        second_generation.push(heap);
    }
    for (branch, heap) in second_generation.iter().enumerate() {
        draws.add(
            &format!("the second generation of branch {branch}"),
            &place.step("await draw()", Some(heap)).0,
        );
    }
    for fresh in 0..3 {
        draws.add(&format!("fresh run {fresh}"), &place.step(&format!("{SOURCES}\nawait draw()"), None).0);
    }
    draws.check(20 * 16);
}

#[test]
fn keys_salts_and_paddings_of_rsa_differ() {
    let place = Place::new("rsa");
    let prepare = r#"
        const rsa = (name) => ({ name, modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-256" });
        const signing = await subtle.generateKey(rsa("RSA-PSS"), true, ["sign", "verify"]);
        const sealing = await subtle.generateKey(rsa("RSA-OAEP"), true, ["encrypt", "decrypt"]);
        const message = new Uint8Array(8);
        0"#;
    let draw = r#"[
        hex(await subtle.sign({ name: "RSA-PSS", saltLength: 32 }, signing.privateKey, message)),
        hex(await subtle.encrypt("RSA-OAEP", sealing.publicKey, message)),
        await secret(rsa("RSA-PSS"), ["sign", "verify"]),
    ].join("\n")"#;
    let (_, heap) = place.step(&format!("{SOURCES}{prepare}"), None);
    let mut draws = Draws::default();
    for branch in 0..3 {
        draws.add(&format!("branch {branch}"), &place.step(draw, Some(&heap)).0);
    }
    draws.check(9);
}

/// Work that was begun before the freeze and needs chance only afterwards.
#[test]
fn pending_draws_differ() {
    let place = Place::new("pending");
    let (_, heap) = place.step("let go; const drawn = new Promise((resolve) => go = resolve).then(() => [Math.random(), crypto.randomUUID()].join('\\n')); 0", None);
    let mut draws = Draws::default();
    for branch in 0..BRANCHES {
        draws.add(&format!("branch {branch}"), &place.step("go(); await drawn", Some(&heap)).0);
    }
    draws.check(2 * BRANCHES);
}

#[test]
fn uuids_and_numbers_are_well_formed() {
    let place = Place::new("well-formed");
    let (ok, _) = place.step(
        "const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
         const all = Array.from({ length: 2000 }, () => [crypto.randomUUID(), Math.random()]);
         const mean = all.reduce((sum, [, number]) => sum + number, 0) / all.length;
         all.every(([id, number]) => uuid.test(id) && number >= 0 && number < 1) && Math.abs(mean - 0.5) < 0.1 && new Set(all.flat()).size",
        None,
    );
    assert_eq!(ok, "4000");
}
