//! Turns the text of a notebook cell into a script that V8 can run at global level.
//!
//! A cell is JavaScript or TypeScript. [`prepare`] answers a classic, sloppy script with three
//! properties: its completion value is the cell's result (a Promise of it when the cell awaits or
//! imports), its top-level names become properties of the global object, and every position that V8
//! reports for it can be mapped back to the caller's text by its [`PositionMap`]. [`prepare_module`]
//! does the smaller job for imported modules: it only erases types.
//!
//! The text is edited in place, never printed anew, so a stack trace reads like the source. Only
//! TypeScript that needs generated code (`enum`, `namespace`, parameter properties, …) goes through
//! a printer and a source map.
//!
//! The crate knows syntax only: no V8, no files, no network.

mod source;

mod error;
mod lines;
mod literal;
mod position;

mod depth;
mod edits;
mod elide;
mod erase;
mod join;
mod parse;
mod sourcemap;

mod cell;
mod scope;

use std::borrow::Cow;

pub use error::SyntaxError;
pub use position::PositionMap;
pub use source::{Language, Source};

/// A cell that is ready to be compiled by V8 as a classic script.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The script. Its completion value is the cell's result.
    pub code: String,
    /// Maps positions in `code` back to the cell's text.
    pub positions: PositionMap,
    /// Whether the completion value is a Promise of the result and not the result itself.
    pub is_async: bool,
    /// The names that this cell binds for good: `const` declarations and static imports.
    pub constants: Vec<String>,
    /// All other names that this cell declares at global level.
    pub declared: Vec<String>,
}

/// An imported module that is ready to be compiled by V8 as a module.
#[derive(Clone, Debug)]
pub struct PreparedModule<'a> {
    /// The module's JavaScript; borrowed when nothing had to be erased.
    pub code: Cow<'a, str>,
    /// Maps positions in `code` back to the module's text.
    pub positions: PositionMap,
}

/// Prepares a cell.
///
/// `known_constants` tells whether a name was bound by `const` in an earlier cell. Assigning to such
/// a name throws when it is executed, unless this cell declares the name anew.
///
/// # Errors
///
/// Reports the syntax errors that V8 could not report by itself at the right place: what the parser
/// rejects, and names that are declared twice in this cell. Others, such as an invalid regular
/// expression, are left to V8.
pub fn prepare(cell: &Source<'_>, known_constants: &dyn Fn(&str) -> bool) -> Result<Prepared, SyntaxError> {
    cell::prepare(cell, known_constants)
}

/// Prepares an imported module by erasing its types; JavaScript passes through unread.
///
/// # Errors
///
/// Reports what the TypeScript parser rejects.
pub fn prepare_module<'a>(source: &Source<'a>) -> Result<PreparedModule<'a>, SyntaxError> {
    let text = source.text;
    match source.language {
        Language::JavaScript => {
            Ok(PreparedModule { code: Cow::Borrowed(text), positions: PositionMap::default() })
        }
        Language::TypeScript => {
            let erased = erase::module(source::without_bom(text))
                .map_err(|fault| SyntaxError::locate(source, text, fault))?;
            Ok(PreparedModule { code: Cow::Owned(erased.code), positions: erased.positions })
        }
    }
}
