//! V8 with everything around it: boots an isolate, runs cells in it, and keeps it in a state in which the
//! process can be frozen.

/// A scope in which scripts run. Unlike `deno_core::scope` it makes no new handle to the context, which would write to
/// four pages.
macro_rules! scope {
    ($scope:ident, $engine:expr) => {
        let isolate = &mut *$engine.runtime.v8_isolate();
        v8::scope!(let $scope, isolate);
        let context = v8::Local::new($scope, &$engine.context);
        let $scope = &mut v8::ContextScope::new($scope, context);
    };
}

mod cell;
mod event_loop;
pub(crate) mod extension;
mod host;
mod memory;
mod modules;
mod offer;
mod randomness;
mod stack_trace;

use std::{collections::HashSet, rc::Rc};

use deno_core::{JsRuntime, RuntimeOptions, v8};
use stasis_core::Capabilities;

use crate::process::{Channel, buffer_allocator};
use host::Link;
use modules::Loader;
use stack_trace::Sources;

pub(crate) use cell::CellEnd;

static STARTUP_SNAPSHOT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/startup.snapshot"));

/// No threads; nothing that happens only because time passes; no garbage left behind in freed memory,
/// which would be stored; no mapping of its own for each of V8's "hole" objects, which every fork would copy: those
/// guard V8's inside, and the box around the process does not rely on that.
const V8_FLAGS: &str =
    "--single-threaded --no-memory-reducer --stack-size=900 --clear-free-memory --no-unmap-holes";

/// V8's largest heap. What a run may use is decided when it starts, see [`memory`].
const V8_HEAP_BYTES: usize = 5 << 30;

/// Garbage up to this much is stored with a heap. Collecting it would cost more than it saves: a
/// collection writes to every page of V8's heap, and all of those would be stored instead.
const GARBAGE_BYTES: usize = 1 << 20;

/// An isolate and what it needs. One per process, for the process's whole life.
pub(crate) struct Engine {
    runtime: JsRuntime,
    context: v8::Global<v8::Context>,
    /// Deno's crates want a tokio context; without drivers it is memory and nothing else.
    tokio: tokio::runtime::Runtime,
    platform: v8::SharedRef<v8::Platform>,
    intrinsics: Intrinsics,
    link: Rc<Link>,
    sources: Rc<Sources>,
    /// Bytes that the runtime itself keeps on V8's heap.
    base_heap: usize,
    /// Bytes on V8's heap after garbage was last collected for a freeze.
    heap_after_collection: usize,
    /// Bytes of private writable memory that the base image has.
    data_bytes: u64,
    /// Names that earlier cells declared with `const`.
    constants: HashSet<String>,
    /// What scripts find that reaches outside.
    offered: Capabilities,
}

/// What `bootstrap.js` hands out.
struct Intrinsics {
    to_text: v8::Global<v8::Function>,
    details_of: v8::Global<v8::Function>,
    offer: v8::Global<v8::Function>,
    preload: v8::Global<v8::Function>,
    process_timers: v8::Global<v8::Function>,
    drain_ticks: v8::Global<v8::Function>,
    /// What JavaScript knows only within a run.
    of_run: v8::SharedRef<v8::BackingStore>,
}

impl Engine {
    /// Boots V8 from the start-up snapshot. [`Engine::preload`] can be called only if that is said now.
    pub(crate) fn boot(channel: Channel, preloads: bool) -> Self {
        v8::V8::set_flags_from_string(V8_FLAGS);
        if preloads {
            offer::announce_preloading();
        }
        let platform = v8::new_single_threaded_default_platform(false).make_shared();
        JsRuntime::init_platform(Some(platform.clone()));
        let tokio = tokio::runtime::Builder::new_current_thread().build().expect("no drivers, no failure");
        let context = tokio.enter();
        let link = Rc::new(Link::new(channel));
        let sources = Rc::new(Sources::default());
        let mut runtime = JsRuntime::new(RuntimeOptions {
            startup_snapshot: Some(STARTUP_SNAPSHOT),
            extensions: extension::all(),
            module_loader: Some(Rc::new(Loader::new(link.clone(), sources.clone()))),
            shared_array_buffer_store: Some(deno_core::SharedArrayBufferStore::default()),
            compiled_wasm_module_store: Some(deno_core::CompiledWasmModuleStore::default()),
            create_params: Some(
                v8::CreateParams::default()
                    .heap_limits(0, V8_HEAP_BYTES)
                    .array_buffer_allocator(buffer_allocator()),
            ),
            ..RuntimeOptions::default()
        });
        // Never left: everything that the engine does happens inside this context.
        std::mem::forget(context);
        runtime.op_state().borrow_mut().put::<Rc<dyn extension::Outside>>(link.clone());
        stack_trace::install(&mut runtime, sources.clone());
        memory::install(runtime.v8_isolate());
        let intrinsics = Intrinsics::take(&mut runtime);
        let context = runtime.main_context();
        Self {
            runtime,
            context,
            tokio,
            platform,
            intrinsics,
            link,
            sources,
            base_heap: 0,
            heap_after_collection: 0,
            data_bytes: 0,
            constants: HashSet::new(),
            offered: Capabilities::default(),
        }
    }

    /// Runs what every script uses once, so that no run has to pay for it: lazily compiled functions
    /// and first allocations become part of the base image.
    pub(crate) fn warm_up(&mut self) {
        self.warm_up_cells();
        self.collect_garbage();
        // A collection leaves work behind that the next script would have to do.
        while v8::Platform::pump_message_loop(&self.platform, self.runtime.v8_isolate(), false) {}
        self.warm_up_cells();
        self.sources.clear();
        memory::begin_fresh_page(self.runtime.v8_isolate());
        self.base_heap = self.used_heap();
        self.heap_after_collection = self.base_heap;
    }

    /// Bytes of private writable memory that are the runtime's own. What scripts have added since counts
    /// against their limit, in whichever run they did.
    pub(crate) fn data_bytes(&self) -> u64 {
        self.data_bytes
    }

    /// Drops what need not be stored.
    pub(crate) fn prepare_to_freeze(&mut self) {
        self.link.forget_calls();
        let used = self.used_heap();
        if used > self.heap_after_collection + (self.heap_after_collection / 4).max(GARBAGE_BYTES) {
            self.runtime.v8_isolate().memory_pressure_notification(v8::MemoryPressureLevel::Critical);
            self.heap_after_collection = self.used_heap();
        }
        memory::sort_free_memory();
    }

    /// To be called before the base image is made.
    pub(crate) fn prepare_base(&mut self) {
        memory::use_up_free_memory();
        self.reseed();
        // V8 gave back what it had taken to allocate from when it was asked how much it uses.
        self.warm_up_allocation();
    }

    fn used_heap(&mut self) -> usize {
        self.runtime.v8_isolate().get_heap_statistics().used_heap_size()
    }

    fn collect_garbage(&mut self) {
        self.runtime.v8_isolate().low_memory_notification();
    }

    /// To be called first in a process that was thawed.
    pub(crate) fn thawed(&mut self, data_bytes: u64) {
        if self.data_bytes == 0 {
            // The first thaw is that of the base image.
            self.data_bytes = data_bytes;
        }
    }
}

impl Intrinsics {
    fn take(runtime: &mut JsRuntime) -> Self {
        let made = runtime.execute_script("ext:stasis/boot.js", "bootstrap()").expect("bootstrap.js boots");
        deno_core::scope!(scope, runtime);
        let made = v8::Local::new(scope, made).cast::<v8::Object>();
        let mut get = |name: &str| {
            let key = v8::String::new(scope, name).expect("a short string");
            made.get(scope, key.into()).expect("bootstrap.js returns it")
        };
        let [to_text, details_of, offer, preload, process_timers, drain_ticks] =
            ["toText", "detailsOf", "offer", "preload", "__processTimers", "__drainNextTickAndMacrotasks"]
                .map(&mut get);
        let of_run = get("ofRun").cast::<v8::Uint32Array>();
        let of_run = of_run.get_backing_store().expect("a typed array has a backing store");
        let function = |value: v8::Local<'_, v8::Value>| v8::Global::new(scope, value.cast::<v8::Function>());
        Self {
            to_text: function(to_text),
            details_of: function(details_of),
            offer: function(offer),
            preload: function(preload),
            process_timers: function(process_timers),
            drain_ticks: function(drain_ticks),
            of_run,
        }
    }
}
