//! What scripts find besides the language: what reaches outside, and WebAssembly modules of the operator's.

use deno_core::v8;
use stasis_core::Capabilities;

use super::{Engine, cell::describe};
use crate::protocol::PreloadedModule;

/// To be called before V8 starts if WebAssembly modules are going to be compiled for all runs: otherwise V8 makes its
/// flags read-only.
pub(super) fn announce_preloading() {
    v8::V8::set_flags_from_string("--no-freeze-flags-after-init");
}

/// All functions at once, by the optimising compiler: the base image has what no run has to do then. The
/// last two are what V8 itself concludes from the second when it starts.
const COMPILE_ALL: &str = "--no-wasm-lazy-compilation --no-liftoff --no-wasm-dynamic-tiering --no-wasm-deopt";
/// The usual: functions when they are first called, quickly at first.
const COMPILE_AS_NEEDED: &str = "--wasm-lazy-compilation --liftoff --wasm-dynamic-tiering --wasm-deopt";

impl Engine {
    /// Puts on the global object what the script is to find, and takes away what it is not.
    pub(super) fn offer(&mut self, capabilities: Capabilities) {
        if self.offered == capabilities {
            return;
        }
        // Imports are asked for one by one.
        let Capabilities { fetch, files, modules: _ } = capabilities;
        for (name, there, was) in [("fetch", fetch, self.offered.fetch), ("fs", files, self.offered.files)] {
            if there != was {
                self.offer_one(name, there);
            }
        }
        self.link.offer_files(files);
        self.offered = capabilities;
    }

    fn offer_one(&mut self, name: &str, there: bool) {
        scope!(scope, self);
        v8::tc_scope!(let scope, scope);
        let offer = v8::Local::new(scope, &self.intrinsics.offer);
        let Some(name) = v8::String::new(scope, name) else { return };
        let undefined = v8::undefined(scope).into();
        let there = v8::Boolean::new(scope, there).into();
        // Throws only if an earlier script has frozen the global object, which is its own affair.
        offer.call(scope, undefined, &[name.into(), there]);
    }

    /// Compiles a WebAssembly module that every run is to find.
    pub(crate) fn preload(&mut self, module: &PreloadedModule) -> Result<(), String> {
        v8::V8::set_flags_from_string(COMPILE_ALL);
        let compiled = self.compile(module);
        v8::V8::set_flags_from_string(COMPILE_AS_NEEDED);
        compiled
    }

    fn compile(&mut self, module: &PreloadedModule) -> Result<(), String> {
        scope!(scope, self);
        v8::tc_scope!(let scope, scope);
        let preload = v8::Local::new(scope, &self.intrinsics.preload);
        let name = v8::String::new(scope, &module.name).ok_or("its name is too long")?;
        let store = v8::ArrayBuffer::new_backing_store_from_bytes(module.bytes.to_vec()).make_shared();
        let bytes = v8::ArrayBuffer::with_backing_store(scope, &store);
        let undefined = v8::undefined(scope).into();
        let instantiate = v8::Boolean::new(scope, module.instantiate).into();
        if preload.call(scope, undefined, &[name.into(), bytes.into(), instantiate]).is_some() {
            return Ok(());
        }
        let exception = scope.exception().ok_or("it was terminated")?;
        scope.reset();
        Err(describe(scope, &self.intrinsics, exception).message)
    }
}
