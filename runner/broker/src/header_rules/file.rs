//! Rules in a file. What the JSON parser has to say about values of the wrong type would repeat them, and
//! they may be secrets: only where it is, and what was expected, is passed on.

use std::{cell::Cell, collections::BTreeMap, fmt, fs, path::Path};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error as _, SeqAccess, Visitor},
};
use serde_json::error::Category;
use zeroize::Zeroizing;

use super::{HeaderRule, HeaderRuleError, HeaderRuleFault};

pub(super) fn read(path: &Path) -> Result<Vec<HeaderRule>, HeaderRuleError> {
    let text = fs::read(path)
        .map(Zeroizing::new)
        .map_err(|error| HeaderRuleError::Read { path: path.to_owned(), error })?;
    let fault = Cell::new(None);
    let mut json = serde_json::Deserializer::from_slice(&text);
    json.deserialize_seq(List(&fault)).and_then(|rules| json.end().map(|()| rules)).map_err(|error| {
        let fault = fault.take().unwrap_or(match error.classify() {
            Category::Data => HeaderRuleFault::Shape,
            Category::Syntax | Category::Eof | Category::Io => HeaderRuleFault::Syntax,
        });
        HeaderRuleError::File { path: path.to_owned(), line: error.line(), column: error.column(), fault }
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    host: String,
    methods: Option<Vec<String>>,
    headers: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(from = "String")]
struct Value(Zeroizing<String>);

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

/// Leaves behind what is wrong with a rule, while the parser knows where the rule is.
struct List<'a>(&'a Cell<Option<HeaderRuleFault>>);

impl<'de> Visitor<'de> for List<'_> {
    type Value = Vec<HeaderRule>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of rules")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut rules = Vec::new();
        while let Some(rule) = list.next_element_seed(One(self.0))? {
            rules.push(rule);
        }
        Ok(rules)
    }
}

struct One<'a>(&'a Cell<Option<HeaderRuleFault>>);

impl<'de> DeserializeSeed<'de> for One<'_> {
    type Value = HeaderRule;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<HeaderRule, D::Error> {
        let Written { host, methods, headers } = Written::deserialize(json)?;
        let methods = methods.as_ref().map(|names| names.iter().map(String::as_str));
        let headers = headers.iter().map(|(name, value)| (name.as_str(), value.0.as_str()));
        HeaderRule::new(&host, methods, headers).map_err(|fault| {
            self.0.set(Some(fault));
            D::Error::custom("a rule cannot be used")
        })
    }
}
