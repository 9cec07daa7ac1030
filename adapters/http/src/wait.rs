//! How long a client is ready to wait.

use std::time::Duration;

use axum::http::{HeaderMap, StatusCode};
use stasis_api::MAX_WAIT;

use crate::problem::Problem;

/// The wait that a request asks for: by `?wait=SECONDS`, or by `Prefer: wait=SECONDS` (RFC 7240, section
/// 4.3). A preference that makes no sense is ignored, as the RFC wants it.
pub(crate) fn wait(query: Option<&str>, headers: &HeaderMap) -> Result<Option<Duration>, Problem> {
    let Some(text) = query else { return Ok(preferred(headers)) };
    let seconds: Option<u64> = text.parse().ok().filter(|seconds| *seconds <= MAX_WAIT.as_secs());
    let refuse = || {
        let message = format!("wait is from 0 to {} seconds, not {text:?}", MAX_WAIT.as_secs());
        Problem::new(StatusCode::BAD_REQUEST, message)
    };
    seconds.map(Duration::from_secs).map(Some).ok_or_else(refuse)
}

fn preferred(headers: &HeaderMap) -> Option<Duration> {
    let values = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    let preferences = values.flat_map(|value| value.split(','));
    let seconds = preferences.filter_map(|preference| {
        let (name, value) = preference.split(';').next()?.split_once('=')?;
        let wait = name.trim().eq_ignore_ascii_case("wait");
        wait.then(|| value.trim().trim_matches('"').parse::<u64>().ok()).flatten()
    });
    seconds.map(Duration::from_secs).next().map(|wait| wait.min(MAX_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_counts_before_the_preference() {
        let check = |query: Option<&str>, prefer: &str, expect: Result<Option<u64>, &str>| {
            let mut headers = HeaderMap::new();
            headers.insert("prefer", prefer.parse().expect("a header"));
            let got = wait(query, &headers).map(|wait| wait.map(|wait| wait.as_secs()));
            assert_eq!(got.map_err(|_| "refused"), expect, "{query:?} {prefer:?}");
        };
        check(None, "", Ok(None));
        check(None, "wait=5", Ok(Some(5)));
        check(None, "respond-async, Wait = \"7\"; x=1", Ok(Some(7)));
        check(None, "wait=soon", Ok(None));
        check(None, "wait=100000", Ok(Some(600)));
        check(None, "waiting=3", Ok(None));
        check(Some("2"), "wait=5", Ok(Some(2)));
        check(Some("0"), "", Ok(Some(0)));
        check(Some("601"), "", Err("refused"));
        check(Some("-1"), "", Err("refused"));
        check(Some(""), "", Err("refused"));
    }
}
