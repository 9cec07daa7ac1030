//! WebAssembly modules that every run finds: their names, their validity, and the bounds of their
//! memory.
//!
//! An operator names modules with `--wasm-module NAME=PATH[:LIMIT]` ([`ModuleSource`]) and in the file of
//! `--wasm-config` ([`read_config`]). [`WasmModules::load`] reads and checks them all at start. What comes
//! out is compiled into the base image of the workers, where scripts find `__wasm_NAME`, the module, and
//! `NAME`, the exports of its instance, if it has no imports.
//!
//! This crate knows the file system and the binary format. It knows no V8: that a module is accepted here
//! and by V8 alike is tested from outside.

mod config_file;
mod memory;
mod memory_limit;
mod module;
mod modules;
mod name;
mod source;

pub use config_file::{ConfigError, MAX_CONFIG_BYTES, read_config};
pub use memory::MemoryError;
pub use memory_limit::{MemoryLimit, MemoryLimitError};
pub use module::{Export, Import, Kind, MAX_MODULE_BYTES, ModuleError, WasmModule};
pub use modules::{LoadError, MAX_MODULES, WasmModules};
pub use name::{ModuleName, NameError};
pub use source::{ModuleSource, SourceError};
