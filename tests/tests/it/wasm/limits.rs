//! How far the memories of a module grow.

use super::Modules;

const GROWING: &str = "(module (memory (export \"memory\") 1 100)
    (func (export \"grow\") (param i32) (result i32) (memory.grow (local.get 0))))";

#[test]
fn a_limit_bounds_growth() {
    let modules = Modules::new().with("m", GROWING, ":2MB");
    modules.check("`${[m.grow(31), m.grow(1), m.memory.buffer.byteLength]}`", "1,-1,2097152");
    modules.check("try { m.memory.grow(32) } catch (error) { error.name }", "RangeError");
    let again = "const { grow } = new WebAssembly.Instance(__wasm_m).exports; `${[grow(32), grow(31)]}`";
    modules.check(again, "-1,1");
}

#[test]
fn the_modules_own_maximum_counts_too() {
    Modules::new().with("m", GROWING, ":64").check("`${[m.grow(100), m.grow(99)]}`", "-1,1");
    Modules::new().with("m", GROWING, "").check("`${[m.grow(100), m.grow(99)]}`", "-1,1");
}

#[test]
fn a_memory_that_begins_larger_stops_the_start() {
    let modules = Modules::new().with("m", "(module (memory 17))", ":1");
    modules.check_refused(&[], "begins with 2 MB");
}
