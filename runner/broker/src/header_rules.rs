//! Headers that the operator adds to scripts' requests: keys and tokens, mostly, which therefore never
//! come near a script.

mod file;
mod flag;
mod host_pattern;

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use reqwest::{
    Method,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use zeroize::Zeroizing;

use self::host_pattern::HostPattern;
use crate::outbound::belongs_to_client;

/// Which headers are added to which requests.
///
/// A header that the script set is left as it is. If several rules have a value for the same header, the
/// first one counts. Rules know hosts and not schemes: where the policy allows `http:`, a header goes there
/// as well.
#[derive(Debug, Clone, Default)]
pub struct HeaderRules {
    rules: Vec<HeaderRule>,
}

/// Why rules cannot be used. Nothing here repeats a header's value.
#[derive(Debug, thiserror::Error)]
pub enum HeaderRuleError {
    /// A rule on the command line.
    #[error("--fetch-header: {0}")]
    Flag(HeaderRuleFault),
    /// A file that cannot be read.
    #[error("--fetch-header-config: cannot read {}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// A file with something wrong in it.
    #[error("--fetch-header-config: {}, line {line}, column {column}: {fault}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Counted from 1; the end of the rule, if a whole rule is wrong.
        line: usize,
        /// Counted from 1.
        column: usize,
        /// What is wrong.
        fault: HeaderRuleFault,
    },
}

/// What is wrong with a rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderRuleFault {
    /// No JSON at all.
    #[error("this is not JSON")]
    Syntax,
    /// JSON of another shape.
    #[error(
        "expected a list of rules like {{\"host\": \"api.example.com\", \"methods\": [\"GET\"], \"headers\": \
         {{\"Authorization\": \"Bearer …\"}}}}, where \"methods\" may be left out"
    )]
    Shape,
    /// A part that every rule has is not there.
    #[error("{0}= is missing; a rule is host=<host>,header=<name>,value=<value>[,methods=GET;POST]")]
    Missing(&'static str),
    /// A part that is there twice.
    #[error("{0}= is there twice")]
    Twice(&'static str),
    /// Something that is no part of a rule.
    #[error("part {0} of the rule is none of host=, header=, value= and methods=")]
    Part(usize),
    /// Neither a host's name nor `*.` and one.
    #[error("{0:?} is not a host: expected a name like api.example.com or *.example.com, without a port")]
    Host(String),
    /// Not a header's name.
    #[error("{0:?} is not the name of a header")]
    Name(String),
    /// A header that is not ours to set.
    #[error("the header {0} is written by the HTTP client and cannot be set")]
    Reserved(HeaderName),
    /// A value that cannot be sent.
    #[error("the value for {0} has characters that no header may have, such as line breaks")]
    Value(HeaderName),
    /// Not a method.
    #[error("{0:?} is not an HTTP method")]
    Method(String),
    /// A list of methods that fits no request.
    #[error("the list of methods is empty; leave it out for all methods")]
    NoMethods,
}

#[derive(Debug, Clone)]
struct HeaderRule {
    host: HostPattern,
    /// None for all of them.
    methods: Option<Vec<Method>>,
    headers: Vec<(HeaderName, Secret)>,
}

/// A header's value. Wiped from memory when it is no longer needed.
#[derive(Clone)]
struct Secret(Zeroizing<Vec<u8>>);

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("…")
    }
}

impl HeaderRules {
    /// Reads one `--fetch-header`: `host=<host>,header=<name>,value=<value>[,methods=GET;POST]`.
    ///
    /// The value comes after host and header, and may hold commas and equals signs: it reaches to the end of
    /// the text, or to a last `,methods=` if only methods come after it. Methods may also stand before it.
    ///
    /// # Errors
    /// If that is not how the text reads.
    pub fn parse_flag(text: &str) -> Result<Self, HeaderRuleError> {
        let rule = flag::parse(text).map_err(HeaderRuleError::Flag)?;
        Ok(Self { rules: vec![rule] })
    }

    /// Reads a `--fetch-header-config`: `[{"host": …, "methods": […], "headers": {…}}, …]`.
    ///
    /// # Errors
    /// If the file cannot be read, or is something else.
    pub fn from_file(path: &Path) -> Result<Self, HeaderRuleError> {
        Ok(Self { rules: file::read(path)? })
    }

    /// Puts other rules behind these.
    pub fn merge(&mut self, other: Self) {
        self.rules.extend(other.rules);
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Adds to the headers of one request what they lack.
    pub(crate) fn inject(&self, host: &str, method: &Method, headers: &mut HeaderMap) {
        let fitting = self.rules.iter().filter(|rule| rule.fits(host, method));
        for (name, secret) in fitting.flat_map(|rule| &rule.headers) {
            if !headers.contains_key(name)
                && let Ok(mut value) = HeaderValue::from_bytes(&secret.0)
            {
                value.set_sensitive(true);
                headers.insert(name, value);
            }
        }
    }
}

impl HeaderRule {
    fn new<'a>(
        host: &str,
        methods: Option<impl IntoIterator<Item = &'a str>>,
        headers: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, HeaderRuleFault> {
        let host = HostPattern::parse(host)?;
        let methods = methods.map(|names| names.into_iter().map(parse_method).collect()).transpose()?;
        if methods.as_ref().is_some_and(Vec::is_empty) {
            return Err(HeaderRuleFault::NoMethods);
        }
        let headers =
            headers.into_iter().map(|(name, value)| parse_header(name, value)).collect::<Result<_, _>>()?;
        Ok(Self { host, methods, headers })
    }

    fn fits(&self, host: &str, method: &Method) -> bool {
        self.host.matches(host) && self.methods.as_ref().is_none_or(|methods| methods.contains(method))
    }
}

fn parse_method(name: &str) -> Result<Method, HeaderRuleFault> {
    let upper = name.trim().to_ascii_uppercase();
    Method::from_bytes(upper.as_bytes()).map_err(|_| HeaderRuleFault::Method(name.to_owned()))
}

fn parse_header(name: &str, value: &str) -> Result<(HeaderName, Secret), HeaderRuleFault> {
    let name =
        HeaderName::from_bytes(name.trim().as_bytes()).map_err(|_| HeaderRuleFault::Name(name.to_owned()))?;
    if belongs_to_client(&name) {
        return Err(HeaderRuleFault::Reserved(name));
    }
    let value = value.trim_matches([' ', '\t']);
    match HeaderValue::from_bytes(value.as_bytes()) {
        Ok(_) => Ok((name, Secret(Zeroizing::new(value.as_bytes().to_vec())))),
        Err(_) => Err(HeaderRuleFault::Value(name)),
    }
}

#[cfg(test)]
mod tests;
