//! The error that callers see, and the form in which the passes report it.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use crate::lines::{self, Position};
use crate::literal::quote;
use crate::source::without_bom;
use crate::{PositionMap, PreparedModule, Source};

/// A text that is not a program.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct SyntaxError {
    /// What is wrong, without the `SyntaxError: ` prefix.
    pub message: String,
    /// The name of the source.
    pub name: String,
    /// The line, from 1, counting line ends as V8 does.
    pub line: u32,
    /// The column, from 1, in UTF-16 code units as V8 counts them.
    pub column: u32,
    /// The text of that line.
    pub source_line: String,
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n    at {}:{}:{}", self.message, self.name, self.line, self.column)
    }
}

impl SyntaxError {
    /// A module that throws this error, at the place where the error is.
    ///
    /// Who loads modules can refuse one, but not with an error of this class.
    pub fn to_module(&self) -> PreparedModule<'static> {
        let place = Position { line: self.line, column: self.column };
        PreparedModule {
            code: Cow::Owned(format!("throw new SyntaxError({})", quote(&self.message))),
            positions: PositionMap::inserted_at(place),
        }
    }

    /// Turns a fault in the caller's own text (without byte order mark) into an error.
    pub(crate) fn locate(source: &Source<'_>, text: &str, fault: Fault) -> SyntaxError {
        SyntaxError::locate_mapped(source, without_bom(text), &PositionMap::default(), fault)
    }

    /// Turns a fault in a text that was derived from the caller's into an error.
    pub(crate) fn locate_mapped(
        source: &Source<'_>,
        derived: &str,
        positions: &PositionMap,
        fault: Fault,
    ) -> SyntaxError {
        let at = lines::position(derived, fault.range.start);
        let (line, column) = positions.original(at.line, at.column);
        SyntaxError {
            message: fault.message,
            name: source.name.to_owned(),
            line,
            column,
            source_line: lines::line(without_bom(source.text), line).to_owned(),
        }
    }
}

/// A syntax error by byte range, before it is located.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) message: String,
    pub(crate) range: Range<usize>,
}
