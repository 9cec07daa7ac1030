//! One module: read, checked, bounded.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use wasmparser::{ExternalKind, Parser, Payload, TypeRef, Validator, WasmFeatures};

use crate::{MemoryError, MemoryLimit, ModuleName, ModuleSource, memory};

/// The largest module, in bytes.
pub const MAX_MODULE_BYTES: u64 = 64 << 20;

/// How every binary begins.
const MAGIC: &[u8] = b"\0asm";

/// What V8 15.0 has on without a flag: WebAssembly 3.0 with threads, and the exceptions from before it.
/// Wide arithmetic, compact imports and components are not among that, though the parser has them on.
/// A test of the whole product asks the engine about each.
const FEATURES: WasmFeatures = WasmFeatures::WASM3.union(WasmFeatures::LEGACY_EXCEPTIONS);

/// A valid module under its name.
///
/// Its bytes are those of the file, but for the limits of the memories that it defines. If it has a start
/// function, that runs once, when the base image of the workers is made, and every run finds what it left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WasmModule {
    name: ModuleName,
    bytes: Vec<u8>,
    interface: Interface,
}

/// Something that a module wants from the script that instantiates it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// The first of its two names.
    pub module: Box<str>,
    /// The second of its two names.
    pub name: Box<str>,
    /// What it is.
    pub kind: Kind,
}

/// Something that an instance offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// Unique within the module.
    pub name: Box<str>,
    /// What it is.
    pub kind: Kind,
}

/// What is imported or exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A function.
    Function,
    /// A table.
    Table,
    /// A linear memory.
    Memory,
    /// A global variable.
    Global,
    /// The tag of an exception.
    Tag,
}

/// A module that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ModuleError {
    /// The file cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What happened.
        #[source]
        error: io::Error,
    },
    /// It is a folder, a pipe or a device.
    #[error("{} is not a regular file", .0.display())]
    NotAFile(PathBuf),
    /// It is larger than [`MAX_MODULE_BYTES`].
    #[error("{} is larger than {} MB", .0.display(), MAX_MODULE_BYTES >> 20)]
    TooLarge(PathBuf),
    /// It does not begin as a binary does.
    #[error("{} is not a WebAssembly binary; text has to be compiled first, with wat2wasm for example", .0.display())]
    NotWasm(PathBuf),
    /// The engine would not accept it.
    #[error("{} is not a valid module: {error}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong, and at which byte of the file.
        #[source]
        error: wasmparser::Error,
    },
    /// One of its memories is too large from the start.
    #[error("{}: {error}", path.display())]
    Memory {
        /// The file.
        path: PathBuf,
        /// Which memory, and how large.
        #[source]
        error: MemoryError,
    },
}

impl WasmModule {
    /// Reads and checks the module that a source names.
    ///
    /// # Errors
    /// If it cannot be read, is too large, not valid, or begins with more memory than it may have.
    pub fn load(source: ModuleSource) -> Result<Self, ModuleError> {
        let bytes = read(&source.path)?;
        Self::check(source.name, bytes, source.memory_limit, &source.path)
    }

    /// The name of the global variables.
    pub fn name(&self) -> &ModuleName {
        &self.name
    }

    /// What is to be compiled.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether only a script can instantiate it.
    pub fn has_imports(&self) -> bool {
        !self.interface.imports.is_empty()
    }

    /// Whether something runs as soon as it is instantiated.
    pub fn has_start(&self) -> bool {
        self.interface.has_start
    }

    /// What it wants, in its order.
    pub fn imports(&self) -> &[Import] {
        &self.interface.imports
    }

    /// What its instance offers, in its order.
    pub fn exports(&self) -> &[Export] {
        &self.interface.exports
    }

    fn check(
        name: ModuleName,
        bytes: Vec<u8>,
        limit: Option<MemoryLimit>,
        path: &Path,
    ) -> Result<Self, ModuleError> {
        if !bytes.starts_with(MAGIC) {
            return Err(ModuleError::NotWasm(path.to_owned()));
        }
        let invalid = |error| ModuleError::Invalid { path: path.to_owned(), error };
        Validator::new_with_features(FEATURES).validate_all(&bytes).map_err(invalid)?;
        let interface = Interface::of(&bytes).map_err(invalid)?;
        let too_large = |error| ModuleError::Memory { path: path.to_owned(), error };
        let bytes = memory::bound(bytes, limit).map_err(too_large)?;
        Ok(Self { name, bytes, interface })
    }
}

/// What a module says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Interface {
    imports: Vec<Import>,
    exports: Vec<Export>,
    has_start: bool,
}

impl Interface {
    fn of(bytes: &[u8]) -> Result<Self, wasmparser::Error> {
        let mut interface = Self::default();
        for payload in Parser::new(0).parse_all(bytes) {
            match payload? {
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        let import = import?;
                        let (module, name) = (import.module.into(), import.name.into());
                        interface.imports.push(Import { module, name, kind: kind_of_import(import.ty) });
                    }
                }
                Payload::ExportSection(section) => {
                    for export in section {
                        let export = export?;
                        let kind = kind_of_export(export.kind);
                        interface.exports.push(Export { name: export.name.into(), kind });
                    }
                }
                Payload::StartSection { .. } => interface.has_start = true,
                _ => {}
            }
        }
        Ok(interface)
    }
}

fn kind_of_import(kind: TypeRef) -> Kind {
    match kind {
        TypeRef::Func(_) | TypeRef::FuncExact(_) => Kind::Function,
        TypeRef::Table(_) => Kind::Table,
        TypeRef::Memory(_) => Kind::Memory,
        TypeRef::Global(_) => Kind::Global,
        TypeRef::Tag(_) => Kind::Tag,
    }
}

fn kind_of_export(kind: ExternalKind) -> Kind {
    match kind {
        ExternalKind::Func | ExternalKind::FuncExact => Kind::Function,
        ExternalKind::Table => Kind::Table,
        ExternalKind::Memory => Kind::Memory,
        ExternalKind::Global => Kind::Global,
        ExternalKind::Tag => Kind::Tag,
    }
}

fn read(path: &Path) -> Result<Vec<u8>, ModuleError> {
    let failed = |error| ModuleError::Read { path: path.to_owned(), error };
    // Before it is opened: a pipe would keep us waiting for a writer.
    if !fs::metadata(path).map_err(failed)?.is_file() {
        return Err(ModuleError::NotAFile(path.to_owned()));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(MAX_MODULE_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_MODULE_BYTES {
        return Err(ModuleError::TooLarge(path.to_owned()));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests;
