//! The record of decisions: one event each, without anything that could be a secret.

use std::{borrow::Cow, time::Duration};

use serde_json::Value;
use tracing::info;
use url::Url;

use crate::{Decision, Section};

/// The target of this crate's events.
pub(crate) const TARGET: &str = "stasis::policy";

/// Most bytes of one field of an event; scripts choose how long their paths are.
const MAX_FIELD_BYTES: usize = 512;

/// Records a decision. `policy` is the rule or document that decided.
pub(crate) fn record(section: Section, policy: &str, input: &Value, decision: &Decision, duration: Duration) {
    let text = |key: &str| input.get(key).and_then(Value::as_str);
    let url = text("url").map(without_secrets);
    let (verdict, reason) = match decision {
        Decision::Allowed => ("allowed", None),
        Decision::Denied(denial) => ("denied", denial.reason.as_deref()),
    };
    info!(
        target: TARGET,
        section = section.name(),
        decision = verdict,
        policy,
        reason,
        operation = text("operation").map(bounded),
        method = text("method").map(bounded),
        url = url.as_deref().map(bounded),
        path = text("path").map(bounded),
        destination = text("destination").map(bounded),
        duration_us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX),
        "policy decision"
    );
}

/// A URL without user name, password, query and fragment. Of a text that is no URL, or a URL that carries
/// data itself, nothing is shown but the scheme.
fn without_secrets(text: &str) -> Cow<'static, str> {
    let Ok(mut url) = Url::parse(text) else { return "(not a URL)".into() };
    if url.cannot_be_a_base() && !matches!(url.scheme(), "npm" | "jsr" | "node") {
        return format!("{}:", url.scheme()).into();
    }
    url.set_query(None);
    url.set_fragment(None);
    // These fail for URLs that cannot have a user.
    let cleared = url.username().is_empty() || url.set_username("").is_ok();
    let cleared = cleared && (url.password().is_none() || url.set_password(None).is_ok());
    if cleared { String::from(url).into() } else { "(not a URL)".into() }
}

fn bounded(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_FIELD_BYTES)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_shown_without_secrets() {
        let check = |url: &str, expect: &str| assert_eq!(without_secrets(url), expect, "{url}");
        check("https://user:pw@a.example:8443/p/q?key=s#f", "https://a.example:8443/p/q");
        check("https://user@a.example", "https://a.example/");
        check("https://:pw@[::1]/", "https://[::1]/");
        check("npm:lodash@4?token=s", "npm:lodash@4");
        check("data:text/javascript,secret", "data:");
        check("blob:https://secret", "blob:");
        check("no url: secret", "(not a URL)");
        check("//user:pw@host", "(not a URL)");
    }

    #[test]
    fn fields_are_bounded() {
        assert_eq!(bounded("short"), "short");
        assert_eq!(bounded(&"ö".repeat(1000)).len(), MAX_FIELD_BYTES);
    }
}
