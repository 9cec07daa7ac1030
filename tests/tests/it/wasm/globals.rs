//! What scripts find of a module.

use super::Modules;

const COUNTER: &str =
    "(module (memory (export \"memory\") 1) (global $n (export \"n\") (mut i32) (i32.const 0))
    (func $begin (global.set $n (i32.const 40))) (start $begin)
    (func (export \"next\") (result i32)
        (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n)))";

const LOGGER: &str = "(module (import \"env\" \"log\" (func $log (param i32)))
    (func (export \"run\") (call $log (i32.const 7))))";

#[test]
fn the_exports_of_a_module_without_imports() {
    let modules = Modules::new().with("counter", COUNTER, "");
    modules.check("typeof counter.next + Object.keys(counter)", "functionmemory,n,next");
    modules.check("__wasm_counter instanceof WebAssembly.Module", "true");
    modules.check("counter.next() + counter.next()", "83");
    modules.check("new WebAssembly.Instance(__wasm_counter).exports.next() + counter.next()", "82");
}

#[test]
fn a_module_with_imports_waits_for_them() {
    let modules = Modules::new().with("logger", LOGGER, "");
    modules.check("typeof logger + ' ' + (__wasm_logger instanceof WebAssembly.Module)", "undefined true");
    let code = "const got = [];
        new WebAssembly.Instance(__wasm_logger, { env: { log: (it) => got.push(it) } }).exports.run(); `${got}`";
    modules.check(code, "7");
}

#[test]
fn crypto_may_be_a_module() {
    Modules::new().with("crypto", COUNTER, "").check("crypto.next()", "41");
}

/// The start function ran when the base image was made; what it left is where every new heap begins.
#[test]
fn instances_live_in_heaps() {
    let modules = Modules::new().with("counter", COUNTER, "");
    let (first, heap) = modules.cli("new Uint8Array(counter.memory.buffer)[9] = 5; counter.next()").saved();
    let (second, _) =
        modules.cli("counter.next() + new Uint8Array(counter.memory.buffer)[9]").heap(&heap).saved();
    assert_eq!((first.as_str(), second.as_str()), ("41", "47"));
    let (fresh, _) = modules.cli("counter.next() + new Uint8Array(counter.memory.buffer)[9]").saved();
    assert_eq!(fresh, "41", "no run sees another");
}
