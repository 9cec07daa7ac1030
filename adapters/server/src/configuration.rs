//! Where a setting comes from: a flag counts before a `STASIS_*` variable, that before the file that
//! `--config` names, and that before the default.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fs, io,
    path::{Path, PathBuf},
};

use clap::{ArgAction, ArgMatches, CommandFactory as _, FromArgMatches as _, parser::ValueSource};
use toml::Value;

use crate::{arguments::Arguments, environment::Environment};

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigurationError {
    /// The flags are not acceptable, or only help was asked for.
    #[error(transparent)]
    Arguments(#[from] clap::Error),
    /// A value that is no flag is not acceptable.
    #[error("{origin}: {reason}")]
    Derived { origin: String, reason: String },
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    /// The file is neither TOML nor JSON.
    #[error("{}: {reason}", path.display())]
    Syntax { path: PathBuf, reason: String },
    /// The file says something that is no flag.
    #[error("{}: there is no setting {key:?}; there are: {known}", path.display())]
    Unknown { path: PathBuf, key: String, known: String },
    /// The file gives a setting a value of the wrong kind.
    #[error("{}: {key} has to be {expected}", path.display())]
    Kind { path: PathBuf, key: String, expected: &'static str },
}

/// What the user wants, and where each setting comes from.
#[derive(Debug)]
pub(crate) struct Configuration {
    pub(crate) arguments: Arguments,
    pub(crate) environment: Environment,
    matches: ArgMatches,
    /// For settings that are no flags: where they come from.
    origins: BTreeMap<String, Origin>,
}

/// A source of settings besides the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Origin {
    Variable(String),
    File(PathBuf),
}

/// Flags that stand for settings from one of those sources.
#[derive(Debug, Default)]
struct Derived {
    arguments: Vec<OsString>,
    origins: BTreeMap<String, Origin>,
}

/// Not settings: they say where settings are, or what to do with them.
const NOT_IN_FILE: [&str; 2] = ["config", "print-config"];

/// Settings that are not printed.
const SECRET: [&str; 1] = ["fetch-header"];

/// Settings whose values have commas in them: in a variable, each has a line of its own.
const ONE_PER_LINE: [&str; 1] = ["fetch-header"];

impl Configuration {
    /// Reads flags, and for the server variables and file as well.
    ///
    /// # Errors
    /// If any of them is not acceptable.
    pub(crate) fn read(
        line: impl IntoIterator<Item = OsString>,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, ConfigurationError> {
        let line: Vec<OsString> = line.into_iter().collect();
        // What is there, not yet whether it fits together: what is missing may come from elsewhere.
        let given = Arguments::command().ignore_errors(true).try_get_matches_from(&line)?;
        let mut derived = Derived::default();
        if given.subcommand_name().is_none() {
            let is_given = |id: &str| given.value_source(id) == Some(ValueSource::CommandLine);
            derived.add_variables(is_given, &variable);
            if let Some(path) = config_file(&given, &variable) {
                derived.add_file(is_given, &path)?;
            }
        }
        let all = line.iter().take(1).chain(&derived.arguments).chain(line.iter().skip(1));
        let matches = match Arguments::command().try_get_matches_from(all) {
            Ok(matches) => matches,
            Err(error) => return Err(derived.explain(&line, error)),
        };
        let arguments = Arguments::from_arg_matches(&matches)?;
        let environment = Environment::read(variable);
        Ok(Self { arguments, environment, matches, origins: derived.origins })
    }

    /// The whole configuration as a TOML file that can be used as such.
    pub(crate) fn print(&self) -> String {
        let mut text = String::new();
        for argument in Arguments::command().get_arguments().filter(|argument| is_setting(argument)) {
            let Some(name) = argument.get_long() else { continue };
            let id = argument.get_id().as_str();
            let values: Vec<String> = self
                .matches
                .get_raw(id)
                .into_iter()
                .flatten()
                .map(|value| value.to_string_lossy().into_owned())
                .collect();
            let origin = match (self.origins.get(name), self.matches.value_source(id)) {
                (Some(Origin::Variable(variable)), _) => variable.clone(),
                (Some(Origin::File(path)), _) => path.display().to_string(),
                (None, Some(ValueSource::CommandLine)) => "flag".to_owned(),
                (None, _) => "default".to_owned(),
            };
            let value = match (argument.get_action(), values.as_slice()) {
                (_, [_, ..]) if SECRET.contains(&name) => {
                    text.push_str(&format!("# {name} is not shown: it holds secrets ({origin})\n"));
                    continue;
                }
                (ArgAction::SetTrue, values) => Value::Boolean(values == ["true"]),
                (ArgAction::Append, values) => {
                    Value::Array(values.iter().map(|value| Value::String(value.clone())).collect())
                }
                (_, [value]) => scalar(value),
                (_, _) => {
                    let usual = self.environment.usual_value(name);
                    let usual = usual.map_or_else(String::new, |path| format!(": {}", path.display()));
                    text.push_str(&format!("# {name} is not set{usual}\n"));
                    continue;
                }
            };
            text.push_str(&format!("{name} = {value} # {origin}\n"));
        }
        text + &self.environment.print()
    }
}

fn is_setting(argument: &clap::Arg) -> bool {
    let name = argument.get_long().unwrap_or_default();
    !argument.is_positional() && !["help", "version"].contains(&name) && !NOT_IN_FILE.contains(&name)
}

fn scalar(text: &str) -> Value {
    // A folder called 007 is not a number.
    let number = text.parse::<i64>().ok().filter(|number| number.to_string() == text);
    number.map_or_else(|| Value::String(text.to_owned()), Value::Integer)
}

fn variable_name(name: &str) -> String {
    format!("STASIS_{}", name.to_ascii_uppercase().replace('-', "_"))
}

fn config_file(given: &ArgMatches, variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let flag = given.get_raw("config").and_then(|mut values| values.next().map(OsStr::to_owned));
    flag.or_else(|| variable(&variable_name("config"))).map(PathBuf::from)
}

impl Derived {
    fn add(&mut self, name: &str, value: Option<&OsStr>, origin: Origin) {
        let mut flag = OsString::from(format!("--{name}"));
        if let Some(value) = value {
            flag.push("=");
            flag.push(value);
        }
        self.arguments.push(flag);
        self.origins.insert(name.to_owned(), origin);
    }

    fn add_variables(
        &mut self,
        is_given: impl Fn(&str) -> bool,
        variable: impl Fn(&str) -> Option<OsString>,
    ) {
        for argument in Arguments::command().get_arguments().filter(|argument| is_setting(argument)) {
            let Some(name) = argument.get_long() else { continue };
            let origin = Origin::Variable(variable_name(name));
            let Some(value) = variable(&variable_name(name)) else { continue };
            if is_given(argument.get_id().as_str()) {
                continue;
            }
            match argument.get_action() {
                // Off is what it is anyway.
                ArgAction::SetTrue if ["", "0", "false"].iter().any(|off| value == *off) => {}
                ArgAction::SetTrue if ["1", "true"].iter().any(|on| value == *on) => {
                    self.add(name, None, origin);
                }
                ArgAction::Append => {
                    let text = value.to_string_lossy();
                    let separator = if ONE_PER_LINE.contains(&name) { '\n' } else { ',' };
                    let values = text.split(separator).filter(|one| !one.is_empty());
                    values.for_each(|one| self.add(name, Some(OsStr::new(one)), origin.clone()));
                }
                // What a switch does not understand is refused by it.
                _ => self.add(name, Some(&value), origin),
            }
        }
    }

    fn add_file(&mut self, is_given: impl Fn(&str) -> bool, path: &Path) -> Result<(), ConfigurationError> {
        for (key, value) in read_file(path)? {
            let name = key.replace('_', "-");
            let command = Arguments::command();
            let argument = command
                .get_arguments()
                .filter(|argument| is_setting(argument))
                .find(|argument| argument.get_long() == Some(&name));
            let Some(argument) = argument else { return Err(unknown(path, key, &command)) };
            let kind =
                |expected| ConfigurationError::Kind { path: path.to_owned(), key: key.clone(), expected };
            let values = match (argument.get_action(), value) {
                (ArgAction::SetTrue, Value::Boolean(on)) => on.then_some(None).into_iter().collect(),
                (ArgAction::SetTrue, _) => return Err(kind("true or false")),
                (ArgAction::Append, Value::Array(values)) => {
                    let values: Option<Vec<_>> = values.iter().map(|value| text(value).map(Some)).collect();
                    values.ok_or_else(|| kind("a list of texts"))?
                }
                (_, value) => vec![Some(text(&value).ok_or_else(|| kind("a text or a number"))?)],
            };
            if is_given(argument.get_id().as_str()) || self.origins.contains_key(&name) {
                continue;
            }
            for value in values {
                self.add(&name, value.as_deref().map(OsStr::new), Origin::File(path.to_owned()));
            }
        }
        Ok(())
    }

    /// Says where a value comes from that is not acceptable, if it is none of the flags.
    fn explain(&self, line: &[OsString], error: clap::Error) -> ConfigurationError {
        let flags_alone = Arguments::command().try_get_matches_from(line);
        let text = error.to_string();
        // `--log` is not what is meant where it says `--log-format`.
        let is_named = |name: &str| {
            let flag = format!("--{name}");
            let ends =
                |rest: &str| !rest.starts_with(|next: char| next == '-' || next.is_ascii_alphanumeric());
            text.match_indices(&flag).any(|(at, flag)| ends(&text[at + flag.len()..]))
        };
        let culprit = self.origins.iter().find(|(name, _)| is_named(name));
        match (flags_alone, culprit) {
            (Ok(_), Some((_, origin))) => {
                let origin = match origin {
                    Origin::Variable(name) => name.clone(),
                    Origin::File(path) => path.display().to_string(),
                };
                let reason = text.lines().next().unwrap_or_default();
                let reason = reason.strip_prefix("error: ").unwrap_or(reason).to_owned();
                ConfigurationError::Derived { origin, reason }
            }
            _ => error.into(),
        }
    }
}

fn read_file(path: &Path) -> Result<toml::Table, ConfigurationError> {
    let unreadable = |source| ConfigurationError::Unreadable { path: path.to_owned(), source };
    let text = fs::read_to_string(path).map_err(unreadable)?;
    let json = path.extension() == Some(OsStr::new("json"));
    let parsed = if json {
        serde_json::from_str(&text).map_err(|error| error.to_string())
    } else {
        toml::from_str(&text).map_err(|error| error.to_string())
    };
    parsed.map_err(|reason| ConfigurationError::Syntax { path: path.to_owned(), reason })
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Boolean(_) | Value::Float(_) | Value::Datetime(_) | Value::Array(_) | Value::Table(_) => None,
    }
}

fn unknown(path: &Path, key: String, command: &clap::Command) -> ConfigurationError {
    let known = command.get_arguments().filter(|argument| is_setting(argument));
    let known: Vec<&str> = known.filter_map(|argument| argument.get_long()).collect();
    ConfigurationError::Unknown { path: path.to_owned(), key, known: known.join(", ") }
}

#[cfg(test)]
mod tests;
