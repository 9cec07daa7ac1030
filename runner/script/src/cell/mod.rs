//! Turns a cell into a script: parse, erase types, then edit.

mod default_export;
mod imports;
mod nested;
mod objects;
mod plain;
mod survey;
mod wrapped;

use crate::edits::Edits;
use crate::error::Fault;
use crate::parse::{self, Cell};
use crate::scope::{Kind, Names, guard_constants};
use crate::source::without_bom;
use crate::{PositionMap, Prepared, Source, SyntaxError, depth, erase};
use objects::Objects;
use survey::Survey;

pub(crate) fn prepare(
    source: &Source<'_>,
    known_constants: &dyn Fn(&str) -> bool,
) -> Result<Prepared, SyntaxError> {
    let text = without_bom(source.text);
    let locate = |fault| SyntaxError::locate(source, text, fault);
    let cell = read(source, text).map_err(locate)?;
    let survey = Survey::of(&cell);
    if let Some(range) = survey.accessor {
        return Err(locate(Fault { message: "'accessor' fields are not supported".to_owned(), range }));
    }
    if !survey.has_types {
        return rewrite(text, &cell, &survey, &[], &PositionMap::default(), known_constants).map_err(locate);
    }
    let objects = survey.objects;
    let erased = erase::cell(text, &cell, survey.suspends, &survey.const_enums).map_err(locate)?;
    let erased_text = without_bom(&erased.code);
    let locate = |fault| SyntaxError::locate_mapped(source, erased_text, &erased.positions, fault);
    let cell = parse::javascript(erased_text).map_err(locate)?;
    let survey = Survey::of(&cell);
    rewrite(erased_text, &cell, &survey, &objects, &erased.positions, known_constants).map_err(locate)
}

/// Parses a cell. What looks like both languages is JavaScript in a file of JavaScript; types are fine there too.
fn read(source: &Source<'_>, text: &str) -> Result<Cell, Fault> {
    match source.is_named_javascript() {
        true => {
            depth::check(text)?;
            parse::javascript(text).or_else(|fault| parse::typescript(text).map_err(|_| fault))
        }
        false => parse::typescript(text),
    }
}

/// Rewrites a cell without types; `objects` tells what has been an enum or a namespace.
fn rewrite(
    text: &str,
    cell: &Cell,
    survey: &Survey,
    objects: &[String],
    before: &PositionMap,
    known_constants: &dyn Fn(&str) -> bool,
) -> Result<Prepared, Fault> {
    let names = Names::of(cell.items());
    if let Some(conflict) = names.conflict() {
        return Err(conflict);
    }
    let mut edits = Edits::new(text);
    if text.starts_with("#!") {
        edits.same(0..2, "//");
    }
    let is_constant = |name: &str| names.kind(name).map_or_else(|| known_constants(name), Kind::is_constant);
    if survey.assigned.iter().any(|name| is_constant(name)) {
        guard_constants(cell, &is_constant, &mut edits);
    }
    let objects = Objects::find(cell.items(), &names, objects);
    objects.forget_earlier(&mut edits);
    let (code, positions) = match survey.suspends {
        true => wrapped::wrap(cell.items(), &names, &objects, edits)?,
        false => plain::globalize(cell.items(), &objects, edits),
    };
    Ok(Prepared {
        code,
        positions: positions.after(before),
        is_async: survey.suspends,
        constants: names.select(Kind::is_constant),
        declared: names.select(|kind| !kind.is_constant() && kind != Kind::Local),
    })
}
