//! What the policy is asked. Each hop of a redirect is a question of its own.

use reqwest::header::{HeaderMap, HeaderName};
use serde_json::{Map, Value, json};
use stasis_policy::{Decision, Denial, Policy};

use super::{FetchError, request::Normalised};
use crate::url_parts::url_parts;

/// Puts a request to the policy.
pub(super) async fn decide(policy: &dyn Policy, request: &Normalised) -> Result<(), FetchError> {
    match policy.decide(&input(request)).await {
        Decision::Allowed => Ok(()),
        Decision::Denied(Denial { reason }) => Err(FetchError::Denied {
            method: request.method.to_string(),
            url: request.url.to_string(),
            reason,
        }),
    }
}

/// See [`super::FetchBroker`].
fn input(request: &Normalised) -> Value {
    let url = &request.url;
    json!({
        "operation": "fetch",
        "url": url.as_str(),
        "method": request.method.as_str(),
        "headers": header_object(&request.headers),
        "url_parsed": url_parts(url),
    })
}

fn header_object(headers: &HeaderMap) -> Map<String, Value> {
    let joined = |name: &HeaderName| {
        headers.get_all(name).iter().map(|value| latin1(value.as_bytes())).collect::<Vec<_>>().join(", ")
    };
    headers.keys().map(|name| (name.to_string(), joined(name).into())).collect()
}

/// What the script wrote: its strings for headers have a character for each byte.
fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use stasis_core::host::{FetchRequest, Header, RedirectMode, RequestBody};

    use super::*;
    use crate::fetch::FetchLimits;

    fn check(url: &str, method: &str, headers: &[(&str, &str)], expect: Value) {
        let headers = headers
            .iter()
            .map(|(name, value)| Header {
                name: (*name).to_owned(),
                value: Bytes::copy_from_slice(value.as_bytes()),
            })
            .collect();
        let request = FetchRequest {
            method: method.to_owned(),
            url: url.to_owned(),
            headers,
            body: RequestBody::None,
            redirect: RedirectMode::Follow,
        };
        let request = Normalised::new(request, &FetchLimits::default()).expect("a request");
        assert_eq!(input(&request), expect);
    }

    #[test]
    fn a_plain_request() {
        check(
            "https://api.example.com/public/data?x=1&y#part",
            "GET",
            &[],
            json!({
                "operation": "fetch",
                "url": "https://api.example.com/public/data?x=1&y",
                "method": "GET",
                "headers": {},
                "url_parsed": {
                    "scheme": "https", "host": "api.example.com", "port": 443, "path": "/public/data", "query": "x=1&y",
                },
            }),
        );
    }

    #[test]
    fn everything_is_in_normal_form() {
        check(
            "HTTP:\\\\BÜCHER.example:8080/a/./../%2e%2E/b c",
            "post",
            &[("X-One", " 1 "), ("x-one", "2"), ("Accept", "*/*"), ("content-length", "0")],
            json!({
                "operation": "fetch",
                "url": "http://xn--bcher-kva.example:8080/b%20c",
                "method": "POST",
                "headers": { "x-one": "1, 2", "accept": "*/*" },
                "url_parsed": {
                    "scheme": "http", "host": "xn--bcher-kva.example", "port": 8080, "path": "/b%20c", "query": "",
                },
            }),
        );
        check(
            "http://[::FFFF:127.0.0.1]",
            "patch",
            &[],
            json!({
                "operation": "fetch",
                "url": "http://[::ffff:7f00:1]/",
                "method": "patch",
                "headers": {},
                "url_parsed": { "scheme": "http", "host": "[::ffff:7f00:1]", "port": 80, "path": "/", "query": "" },
            }),
        );
    }
}
