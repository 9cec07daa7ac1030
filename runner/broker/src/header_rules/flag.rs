//! `host=<host>,header=<name>,value=<value>[,methods=GET;POST]`

use super::{HeaderRule, HeaderRuleFault, parse_method};

const VALUE: &str = "value=";
const METHODS: &str = ",methods=";

pub(super) fn parse(text: &str) -> Result<HeaderRule, HeaderRuleFault> {
    let (before, value, after) = split_at_value(text)?;
    let (mut host, mut header, mut methods) = (None, None, after);
    for (number, part) in (1..).zip(before.trim_end().split_terminator(',')) {
        let (slot, name, content) = match part.trim_start().split_once('=') {
            Some(("host", content)) => (&mut host, "host", content),
            Some(("header", content)) => (&mut header, "header", content),
            Some(("methods", content)) => (&mut methods, "methods", content),
            Some(_) | None => return Err(HeaderRuleFault::Part(number)),
        };
        if slot.replace(content).is_some() {
            return Err(HeaderRuleFault::Twice(name));
        }
    }
    let host = host.ok_or(HeaderRuleFault::Missing("host"))?;
    let header = header.ok_or(HeaderRuleFault::Missing("header"))?;
    HeaderRule::new(host, methods.map(names), [(header, value)])
}

/// What stands before the value, the value, and the methods behind it.
fn split_at_value(text: &str) -> Result<(&str, &str, Option<&str>), HeaderRuleFault> {
    let mut starts = text.match_indices(VALUE).map(|(at, _)| at);
    let start = starts
        .find(|at| text[..*at].trim_end().ends_with(',') || text[..*at].trim().is_empty())
        .ok_or(HeaderRuleFault::Missing("value"))?;
    let (before, value) = (&text[..start], &text[start + VALUE.len()..]);
    Ok(match value.rsplit_once(METHODS) {
        Some((value, methods)) if names(methods).all(|name| parse_method(name).is_ok()) => {
            (before, value, Some(methods))
        }
        Some(_) | None => (before, value, None),
    })
}

fn names(methods: &str) -> impl Iterator<Item = &str> {
    methods.split(';')
}
