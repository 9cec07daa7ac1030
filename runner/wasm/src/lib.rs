//! WebAssembly modules that every run finds: their names, their validity, and the bounds of their
//! memory.
