//! `spawn_blocking` without a thread.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use deno_unsync_upstream::{JoinHandle, spawn};

/// Runs `f` to its end on the calling thread, then returns a handle that is ready.
///
/// As with upstream's function, a panic of `f` does not reach the caller: it is the `JoinError` that the
/// handle resolves to. Unlike upstream's, the caller waits, and nothing else runs meanwhile.
///
/// # Panics
///
/// Panics when called outside of a tokio runtime; a current-thread runtime is required.
pub fn spawn_blocking<F, R>(f: F) -> JoinHandle<R>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    // The closure is consumed and what it captured is dropped with the panic, so nothing half-done
    // can be seen afterwards that upstream would have hidden.
    let result = catch_unwind(AssertUnwindSafe(f));
    spawn(async move { result.unwrap_or_else(|panic| resume_unwind(panic)) })
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, fs, thread};

    use super::*;

    /// Runs `test` as deno_core is run: on a current-thread runtime that has no drivers.
    fn on_current_thread<T>(test: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(test)
    }

    thread_local! {
        static MARK: Cell<u32> = const { Cell::new(0) };
    }

    #[test]
    fn the_handle_resolves_to_the_result() {
        let got = on_current_thread(async { spawn_blocking(|| 6 * 7).await });
        assert_eq!(got.unwrap(), 42);
    }

    #[test]
    fn the_closure_has_run_when_the_call_returns_and_on_the_same_thread() {
        on_current_thread(async {
            let caller = thread::current().id();
            let handle = spawn_blocking(|| {
                MARK.set(1);
                thread::current().id()
            });
            assert_eq!(MARK.get(), 1, "ran before it was awaited, in the caller's thread");
            assert_eq!(handle.await.unwrap(), caller);
        });
    }

    #[test]
    fn a_panic_is_the_handles_error() {
        let got = on_current_thread(async { spawn_blocking(|| panic!("told")).await });
        let panic = got.unwrap_err().into_panic();
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"told"));
    }

    #[test]
    fn the_crate_exports_this_function_and_not_upstreams() {
        let got = on_current_thread(async {
            let caller = thread::current().id();
            crate::spawn_blocking(move || thread::current().id() == caller).await
        });
        assert!(got.unwrap());
    }

    /// The test harness has threads of its own, which come and go; tokio names its blocking threads.
    #[cfg(target_os = "linux")]
    #[test]
    fn no_thread_is_made() {
        let pool_threads = || {
            fs::read_dir("/proc/self/task")
                .unwrap()
                .filter_map(|task| fs::read_to_string(task.unwrap().path().join("comm")).ok())
                .filter(|name| name.trim_end() == "only-here")
                .count()
        };
        let runtime = tokio::runtime::Builder::new_current_thread().thread_name("only-here").build().unwrap();
        runtime.block_on(async {
            spawn_blocking(|| ()).await.unwrap();
            assert_eq!(pool_threads(), 0);
            deno_unsync_upstream::spawn_blocking(|| ()).await.unwrap();
            assert_eq!(pool_threads(), 1, "this count would see a pool thread");
        });
    }
}
