//! Names: which ones a cell declares, and which assignments hit a constant.

mod constants;
mod names;
mod pattern;
mod walk;

pub(crate) use constants::{declare_lexical, guard_constants};
pub(crate) use names::{Kind, Names};
pub(crate) use pattern::{bound, identifier, simple_target, targets};
pub(crate) use walk::{Leaf, walk};
