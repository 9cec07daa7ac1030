//! Makes V8's start-up snapshot: the heap from which a fresh worker boots.

use std::{env, fs, path::Path};

use deno_core::snapshot::{CreateSnapshotOptions, create_snapshot};

#[expect(dead_code, reason = "only the list of extensions matters here")]
#[path = "src/engine/extension.rs"]
mod extension;

fn main() {
    println!("cargo:rerun-if-changed=src/engine/extension.rs");
    println!("cargo:rerun-if-changed=src/engine/extension");
    println!("cargo:rerun-if-changed=src/engine/javascript");
    let options = CreateSnapshotOptions {
        cargo_manifest_dir: env!("CARGO_MANIFEST_DIR"),
        startup_snapshot: None,
        skip_op_registration: false,
        extensions: extension::all(),
        extension_transpiler: None,
        with_runtime_cb: None,
    };
    let snapshot = create_snapshot(options, None).expect("a snapshot of the extensions");
    for path in snapshot.files_loaded_during_snapshot {
        println!("cargo:rerun-if-changed={}", path.display());
    }
    let folder = env::var_os("OUT_DIR").expect("cargo names a folder for output");
    fs::write(Path::new(&folder).join("startup.snapshot"), snapshot.output).expect("write the snapshot");
}
