//! WebAssembly modules that every run finds: contract, section 6.

mod features;
