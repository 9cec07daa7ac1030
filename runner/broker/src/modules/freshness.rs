//! How long a response may be used without asking again (RFC 9111, as far as it concerns modules).

use std::time::Duration;

use reqwest::header::{CACHE_CONTROL, HeaderMap};

/// How long a response is used of which the server says nothing.
const UNSTATED: Duration = Duration::from_secs(5 * 60);
/// The longest that a response is used; also how long one is that never changes.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// What becomes of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Freshness {
    /// It is for whoever asked, and is not kept.
    NotKept,
    /// It is kept, and is good for so long; after that, the server is asked whether it still is.
    GoodFor(Duration),
}

/// Reads `cache-control`.
pub(super) fn freshness_of(headers: &HeaderMap) -> Freshness {
    let mut good_for = None;
    let mut immutable = false;
    for line in headers.get_all(CACHE_CONTROL) {
        for directive in line.to_str().unwrap_or_default().split(',') {
            let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
            match name.trim().to_ascii_lowercase().as_str() {
                "no-store" | "private" => return Freshness::NotKept,
                "no-cache" => good_for = Some(Duration::ZERO),
                "immutable" => immutable = true,
                "max-age" => {
                    let seconds = value.trim().trim_matches('"').parse().unwrap_or(0);
                    // `no-cache` wins, wherever it stands.
                    let stated = Duration::from_secs(seconds).min(LONGEST);
                    good_for = Some(good_for.map_or(stated, |other: Duration| other.min(stated)));
                }
                _ => {}
            }
        }
    }
    let unstated = if immutable { LONGEST } else { UNSTATED };
    Freshness::GoodFor(good_for.unwrap_or(unstated))
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    #[test]
    fn what_servers_say_counts() {
        let check = |value: &'static str, expect: Freshness| {
            let headers = HeaderMap::from_iter([(CACHE_CONTROL, HeaderValue::from_static(value))]);
            assert_eq!(freshness_of(&headers), expect, "{value}");
        };
        let seconds = |seconds| Freshness::GoodFor(Duration::from_secs(seconds));
        check("public, max-age=600", seconds(600));
        check("Public, Max-Age=\"600\"", seconds(600));
        check("public, max-age=31536000, immutable", Freshness::GoodFor(LONGEST));
        check("immutable", Freshness::GoodFor(LONGEST));
        check("max-age=99999999999", Freshness::GoodFor(LONGEST));
        check("max-age=-1", seconds(0));
        check("no-cache, max-age=600", seconds(0));
        check("max-age=600, no-cache", seconds(0));
        check("no-store", Freshness::NotKept);
        check("private, max-age=600", Freshness::NotKept);
        check("public", Freshness::GoodFor(UNSTATED));
        assert_eq!(freshness_of(&HeaderMap::new()), Freshness::GoodFor(UNSTATED));
    }
}
