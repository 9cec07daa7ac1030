//! Fetches what is at one URL.

use std::time::Duration;

use reqwest::{
    StatusCode,
    header::{
        ACCEPT, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH,
        LAST_MODIFIED, LOCATION,
    },
};
use stasis_core::host::MAX_CONTENT_BYTES;
use url::Url;

use super::{
    cache::{Found, Validators},
    error::ModuleError,
    freshness::{Freshness, freshness_of},
    kind::kind_of,
    specifier,
};
use crate::outbound::{Outbound, OutboundResponse};

/// What we would like to have. Who sees `text/html` in it sends a page about the module.
const ACCEPTED: HeaderValue = HeaderValue::from_static(
    "application/typescript, text/typescript, text/javascript, application/javascript, application/json, */*;q=0.5",
);
/// Most bytes of an `etag` or a `last-modified`; longer ones are not kept.
const MAX_VALIDATOR_BYTES: usize = 1024;

/// What a server answers.
#[derive(Debug)]
pub(super) enum Download {
    /// What is there.
    New { found: Found, validators: Validators, freshness: Freshness },
    /// It is still what it was.
    Unchanged(Freshness),
}

/// Asks a server for what is at a URL, if it is not what is known already.
pub(super) async fn download(
    outbound: &Outbound,
    url: &Url,
    known: &Validators,
    within: Duration,
) -> Result<Download, ModuleError> {
    let response = outbound.get(url.clone(), headers(known), within).await?;
    let freshness = freshness_of(response.headers());
    let validators = Validators {
        etag: text_of(response.headers(), &ETAG),
        last_modified: text_of(response.headers(), &LAST_MODIFIED),
    };
    let found = match response.status() {
        StatusCode::NOT_MODIFIED => return Ok(Download::Unchanged(freshness)),
        StatusCode::OK => source(url, response, within).await?,
        StatusCode::MOVED_PERMANENTLY
        | StatusCode::FOUND
        | StatusCode::SEE_OTHER
        | StatusCode::TEMPORARY_REDIRECT
        | StatusCode::PERMANENT_REDIRECT => Found::Redirect(target(url, response.headers())?),
        StatusCode::NOT_FOUND | StatusCode::GONE => return Err(ModuleError::Absent(url.to_string())),
        status => return Err(ModuleError::Status { url: url.to_string(), status }),
    };
    Ok(Download::New { found, validators, freshness })
}

fn headers(known: &Validators) -> HeaderMap {
    let mut headers = HeaderMap::from_iter([(ACCEPT, ACCEPTED)]);
    for (name, value) in [(IF_NONE_MATCH, &known.etag), (IF_MODIFIED_SINCE, &known.last_modified)] {
        // It was a header once; if it is none any more, the server is asked for everything.
        if let Some(value) = value.as_ref().and_then(|value| HeaderValue::from_str(value).ok()) {
            headers.insert(name, value);
        }
    }
    headers
}

fn text_of(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?;
    (value.len() <= MAX_VALIDATOR_BYTES).then(|| value.to_owned())
}

async fn source(url: &Url, response: OutboundResponse, within: Duration) -> Result<Found, ModuleError> {
    let content_type = text_of(response.headers(), &CONTENT_TYPE);
    let kind = kind_of(content_type.as_deref(), url)?;
    let bytes = response.read(MAX_CONTENT_BYTES, within).await?;
    let text = std::str::from_utf8(&bytes).map_err(|_| ModuleError::NotUnicode(url.to_string()))?;
    Ok(Found::Source { kind, text: text.strip_prefix('\u{feff}').unwrap_or(text).into() })
}

fn target(url: &Url, headers: &HeaderMap) -> Result<Url, ModuleError> {
    let location = headers.get(LOCATION).and_then(|value| value.to_str().ok());
    let joined = location.and_then(|location| url.join(location).ok());
    let mut target = joined.ok_or_else(|| ModuleError::Redirect(url.to_string()))?;
    target.set_fragment(None);
    if url.scheme() == "https" && target.scheme() == "http" {
        return Err(ModuleError::Downgrade(url.to_string()));
    }
    specifier::check(target).map_err(|error| ModuleError::RedirectTarget { url: url.to_string(), error })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_lead_to_modules_only() {
        let check = |from: &str, location: &str, expect: Result<&str, &str>| {
            let url = Url::parse(from).expect("a URL");
            let headers = HeaderMap::from_iter([(LOCATION, location.parse().expect("a header"))]);
            let found = target(&url, &headers).map(String::from).map_err(|error| error.to_string());
            assert_eq!(found, expect.map(str::to_owned).map_err(str::to_owned), "{location}");
        };
        check("https://a.test/b/c", "d?e#f", Ok("https://a.test/b/d?e"));
        check("https://a.test/b", "//c.test", Ok("https://c.test/"));
        check("http://a.test/", "https://a.test/", Ok("https://a.test/"));
        check(
            "https://a.test/b",
            "http://a.test/b",
            Err("https://a.test/b redirects from https: to http:, which could be forged"),
        );
        check("https://a.test/b", "http://[", Err("https://a.test/b redirects, but not to anywhere"));
        check(
            "https://a.test/b",
            "npm:c",
            Err(
                "https://a.test/b redirects to a URL that cannot be a module: npm: URLs cannot be imported, only \
                 https: and http:",
            ),
        );
    }
}
