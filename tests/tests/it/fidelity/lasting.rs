//! Large heaps, and heaps with many ancestors.

use std::{ops::Range, time::Duration};

use super::place::{Place, Script};

#[test]
fn a_large_heap_comes_back_whole() {
    let place = Place::new("large").with(&["--heap-memory-max", "512", "--execution-timeout", "60"]);
    let build = "const rows = [];
        for (let i = 0; i < 700_000; i++) rows.push({ id: i, name: `row ${i} ${'x'.repeat(8)}${i}`, parent: rows[i >> 1], tags: [i % 7, i * 0.5] });
        const sum = () => {
            let h = 0;
            for (const r of rows) h = (Math.imul(h, 31) + r.id + r.name.length + (r.parent?.tags[0] ?? 0) + r.tags[1] * 2) | 0;
            return h;
        };
        sum()";
    let (expect, mut heap) = place.step(build, None);
    let size = place.fact(&heap, "image_bytes");
    assert!(size >= 200_000_000, "only {size} bytes");
    for change in [0, 1, -1] {
        // One more, then one less: the last state is the first.
        let (shown, left) = place.step(
            &format!("const before{} = sum(); rows[77].id += {change}; before{0}", change + 1),
            Some(&heap),
        );
        if change != -1 {
            assert_eq!(shown, expect);
        }
        place.remove(&heap);
        heap = left;
    }
    assert_eq!(place.step("sum()", Some(&heap)).0, expect);
}

#[test]
fn large_buffers_come_back_whole() {
    let place = Place::new("buffers").with(&["--external-memory-max", "512"]);
    let build = "const words = new Uint32Array(25 << 20), wasm = new WebAssembly.Memory({ initial: 1600 });
        for (let i = 0, x = 1; i < words.length; i++) words[i] = x = Math.imul(x, 1664525) + 1013904223;
        new Uint32Array(wasm.buffer).set(words.subarray(0, 1 << 24));
        const sum = (list) => { let s = 0; for (let i = 0; i < list.length; i++) s = (Math.imul(s, 31) + list[i]) | 0; return s; };
        const sums = () => `${sum(words)} ${sum(new Uint32Array(wasm.buffer))}`;
        sums()";
    let (expect, mut heap) = place.step(build, None);
    for generation in 1..=3 {
        let (shown, left) = place.step("sums()", Some(&heap));
        assert_eq!(shown, expect, "generation {generation}");
        place.remove(&heap);
        heap = left;
    }
}

const GENERATIONS: usize = 1000;
const YOUNG: Range<usize> = 50..150;
const OLD: Range<usize> = 900..1000;

/// What a notebook does again and again: it replaces what it has.
const CELL: &str = "n = (globalThis.n ?? 0) + 1;
    let data = new Array(1000).fill(n), byName = new Map(data.slice(0, 50).map((x, i) => [`key ${i}`, { x }]));
    const total = data.reduce((a, b) => a + b, 0);
    class Row { #n = n; get n() { return this.#n; } }
    function helper(x: number): number { return x + total; }
    log = [...(globalThis.log ?? []).slice(-9), new Row().n];
    const bytes = new Uint8Array(1000).fill(n), text = JSON.stringify([...byName]);
    await Promise.resolve();
    `${n} ${helper(0)} ${log.length} ${text.length > 500}`";

/// The collector runs when there is enough to collect, so that sizes go up and down: what counts is how
/// high they go.
#[test]
fn a_thousand_generations_do_not_grow() {
    let place = Place::new("generations");
    let (mut heap, mut lives) = (None::<String>, Vec::new());
    for n in 1..=GENERATIONS {
        let ran = place.run(Script::Text(CELL), heap.as_deref());
        let expect = format!("{n} {} {} true", n * 1000, n.min(10));
        assert_eq!((ran.status, ran.stdout.as_str()), (Some(0), expect.as_str()), "{}", ran.stderr);
        let old = heap.replace(ran.heap.expect("it returned"));
        if let Some(old) = old {
            place.remove(&old);
        }
        let is_measured = (YOUNG.contains(&n) || OLD.contains(&n)) && n % 5 == 0;
        lives.push(Life { took: ran.took, sizes: is_measured.then(|| sizes(&place, heap.as_deref())) });
    }
    let (young, old) = (Age::of(&lives[YOUNG]), Age::of(&lives[OLD]));
    for (young, old) in young.largest.into_iter().zip(old.largest) {
        assert!(old as f64 <= 1.2 * young as f64, "{young} bytes became {old}");
    }
    // Others use this machine too; what grows with each generation would be far above this.
    assert!(old.took <= 2 * young.took + Duration::from_millis(50), "{:?} became {:?}", young.took, old.took);
}

/// One generation.
struct Life {
    took: Duration,
    sizes: Option<Sizes>,
}

/// Bytes of the image, and of what is stored.
type Sizes = [u64; 2];

/// Many generations.
#[derive(Debug)]
struct Age {
    /// The median.
    took: Duration,
    largest: Sizes,
}

impl Age {
    fn of(lives: &[Life]) -> Self {
        let mut times: Vec<Duration> = lives.iter().map(|life| life.took).collect();
        times.sort();
        let sizes = lives.iter().filter_map(|life| life.sizes);
        let largest = sizes.fold([0; 2], |[a, b], [c, d]| [a.max(c), b.max(d)]);
        Self { took: times[times.len() / 2], largest }
    }
}

fn sizes(place: &Place, heap: Option<&str>) -> Sizes {
    ["image_bytes", "stored_bytes"].map(|name| place.fact(heap.expect("it returned"), name))
}
