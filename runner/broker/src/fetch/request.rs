//! A script's request in its normal form. What the policy sees, and what is sent, is made from this, so
//! that there is one reading of a request and not two.

use bytes::Bytes;
use reqwest::{
    Method,
    header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue},
};
use stasis_core::host::{FetchRequest, Header, MAX_CONTENT_BYTES, RedirectMode, RequestBody};
use url::Url;

use super::limits::{FetchLimits, LimitError};
use crate::outbound::belongs_to_client;

/// Most bytes of a URL, as the script wrote it and in normal form.
const MAX_URL_BYTES: usize = 32 << 10;
/// Most bytes of a method's name.
const MAX_METHOD_BYTES: usize = 32;
/// Most lines of a request's header.
const MAX_HEADER_LINES: usize = 256;

/// A request that may be put to the policy.
#[derive(Debug, Clone)]
pub(super) struct Normalised {
    pub(super) method: Method,
    /// `http` or `https`, without user, password and fragment.
    pub(super) url: Url,
    /// None of those that the client writes itself.
    pub(super) headers: HeaderMap,
    pub(super) body: NormalisedBody,
    pub(super) redirect: RedirectMode,
}

#[derive(Debug, Clone)]
pub(super) enum NormalisedBody {
    None,
    Whole(Bytes),
    Streamed,
}

/// What is wrong with a request before anybody is asked about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum RequestError {
    #[error("the URL is not valid ({0})")]
    Url(#[from] url::ParseError),
    #[error("the URL has more than {MAX_URL_BYTES} bytes")]
    LongUrl,
    #[error("only http: and https: URLs can be fetched, not {0}:")]
    Scheme(String),
    #[error("the URL contains a user name or password; use an Authorization header instead")]
    Credentials,
    #[error("the method is not valid")]
    Method,
    #[error("the method {0} is not allowed")]
    ForbiddenMethod(Method),
    #[error("a {0} request cannot have a body")]
    Body(Method),
    #[error("the request's body has more than {MAX_CONTENT_BYTES} bytes; send it as a stream")]
    LargeBody,
    #[error("the request has more than {MAX_HEADER_LINES} header lines")]
    ManyHeaders,
    #[error("a header's name is not valid: only letters, digits and !#$%&'*+-.^_`|~ can be in it")]
    HeaderName,
    #[error("the value of the header {0} is not valid: line breaks and control characters cannot be in it")]
    HeaderValue(HeaderName),
    #[error("the header {0} cannot be set: it is written by the HTTP client; leave it out")]
    ReservedHeader(HeaderName),
}

impl Normalised {
    pub(super) fn new(request: FetchRequest, limits: &FetchLimits) -> Result<Self, super::FetchError> {
        let FetchRequest { method, url, headers, body, redirect } = request;
        let url = target(&url)?;
        let method = parse_method(&method)?;
        let body = check_body(body, &method, limits)?;
        let headers = parse_headers(headers, &body, limits)?;
        Ok(Self { method, url, headers, body, redirect })
    }
}

/// Parses an absolute URL of which a request can be made.
fn target(text: &str) -> Result<Url, RequestError> {
    if text.len() > MAX_URL_BYTES {
        return Err(RequestError::LongUrl);
    }
    Url::parse(text).map_err(RequestError::from).and_then(normalise_target)
}

/// Refuses what cannot be requested, and drops the fragment, which is never sent.
pub(super) fn normalise_target(mut url: Url) -> Result<Url, RequestError> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(RequestError::Scheme(url.scheme().to_owned()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(RequestError::Credentials);
    }
    url.set_fragment(None);
    if url.as_str().len() > MAX_URL_BYTES {
        return Err(RequestError::LongUrl);
    }
    Ok(url)
}

/// Methods are case-sensitive, but for those that the Fetch standard puts in upper case.
fn parse_method(name: &str) -> Result<Method, RequestError> {
    const NORMALISED: [Method; 6] =
        [Method::DELETE, Method::GET, Method::HEAD, Method::OPTIONS, Method::POST, Method::PUT];
    const FORBIDDEN: [&str; 3] = ["CONNECT", "TRACE", "TRACK"];

    if name.len() > MAX_METHOD_BYTES {
        return Err(RequestError::Method);
    }
    let method = Method::from_bytes(name.as_bytes()).map_err(|_| RequestError::Method)?;
    if FORBIDDEN.iter().any(|forbidden| forbidden.eq_ignore_ascii_case(name)) {
        return Err(RequestError::ForbiddenMethod(method));
    }
    let standard = NORMALISED.into_iter().find(|standard| standard.as_str().eq_ignore_ascii_case(name));
    Ok(standard.unwrap_or(method))
}

fn check_body(
    body: RequestBody,
    method: &Method,
    limits: &FetchLimits,
) -> Result<NormalisedBody, super::FetchError> {
    let bodiless = matches!(*method, Method::GET | Method::HEAD);
    match body {
        RequestBody::None => Ok(NormalisedBody::None),
        RequestBody::Whole(_) | RequestBody::Streamed if bodiless => {
            Err(RequestError::Body(method.clone()).into())
        }
        RequestBody::Whole(bytes) if bytes.len() > MAX_CONTENT_BYTES => Err(RequestError::LargeBody.into()),
        RequestBody::Whole(bytes) if bytes.len() as u64 > limits.request_bytes => {
            Err(LimitError::Request(limits.request_bytes).into())
        }
        RequestBody::Whole(bytes) => Ok(NormalisedBody::Whole(bytes)),
        RequestBody::Streamed => Ok(NormalisedBody::Streamed),
    }
}

fn parse_headers(
    lines: Vec<Header>,
    body: &NormalisedBody,
    limits: &FetchLimits,
) -> Result<HeaderMap, super::FetchError> {
    if lines.len() > MAX_HEADER_LINES {
        return Err(RequestError::ManyHeaders.into());
    }
    let mut headers = HeaderMap::with_capacity(lines.len());
    for Header { name, value } in lines {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| RequestError::HeaderName)?;
        if says_what_is_so(&name, &value, body) {
            continue;
        }
        if belongs_to_client(&name) {
            return Err(RequestError::ReservedHeader(name).into());
        }
        let value = HeaderValue::from_bytes(value.trim_ascii())
            .map_err(|_| RequestError::HeaderValue(name.clone()))?;
        headers.append(name, value);
    }
    if header_bytes(&headers) > limits.header_bytes {
        return Err(LimitError::RequestHeaders(limits.header_bytes).into());
    }
    Ok(headers)
}

/// Libraries like to state the length of a body themselves. If it is right, nothing is lost without it.
fn says_what_is_so(name: &HeaderName, value: &[u8], body: &NormalisedBody) -> bool {
    let length = match body {
        NormalisedBody::None => 0,
        NormalisedBody::Whole(bytes) => bytes.len(),
        NormalisedBody::Streamed => return false,
    };
    name == CONTENT_LENGTH && value == length.to_string().as_bytes()
}

/// As large as they are by HTTP/1's count.
pub(super) fn header_bytes(headers: &HeaderMap) -> usize {
    const SEPARATORS: usize = ": \r\n".len();
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + SEPARATORS).sum()
}
