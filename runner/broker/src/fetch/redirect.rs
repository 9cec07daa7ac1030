//! Where a response points, and what is asked there, after the Fetch standard.

use reqwest::{
    Method, StatusCode,
    header::{self, HeaderMap, HeaderName},
};
use stasis_core::host::RedirectMode;

use super::request::{Normalised, NormalisedBody, RequestError, normalise_target};

/// Most redirects that are followed.
pub(super) const MAX_REDIRECTS: usize = 20;

/// Why a redirect cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum RedirectError {
    #[error("the server redirects, which the request does not allow (redirect: \"error\")")]
    NotWanted,
    #[error("there were more than {MAX_REDIRECTS} redirects")]
    TooMany,
    #[error("the server redirects to something that is no URL")]
    Location,
    #[error("the server redirects to a place that cannot be requested: {0}")]
    Target(RequestError),
    #[error(
        "the server redirects and wants the body again (status {0}), but it was a stream and is gone; send \
         it whole, or ask for the place it redirects to"
    )]
    StreamGone(u16),
}

/// What becomes of a response.
#[derive(Debug)]
pub(super) enum Next {
    /// The script gets it.
    Deliver,
    /// This is asked instead.
    Follow(Box<Normalised>),
}

/// Decides what becomes of a response to `request`.
pub(super) fn after(
    request: &Normalised,
    status: StatusCode,
    headers: &HeaderMap,
) -> Result<Next, RedirectError> {
    if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(Next::Deliver);
    }
    match request.redirect {
        RedirectMode::Manual => return Ok(Next::Deliver),
        RedirectMode::Error => return Err(RedirectError::NotWanted),
        RedirectMode::Follow => {}
    }
    let Some(location) = headers.get(header::LOCATION) else { return Ok(Next::Deliver) };
    let location = str::from_utf8(location.as_bytes()).map_err(|_| RedirectError::Location)?;
    let url = request.url.join(location).map_err(|_| RedirectError::Location)?;
    let url = normalise_target(url).map_err(RedirectError::Target)?;

    let mut next = Normalised { url, ..request.clone() };
    if turns_into_get(status, &request.method) {
        next.method = Method::GET;
        next.body = NormalisedBody::None;
        remove(&mut next.headers, &ABOUT_THE_BODY);
    }
    if matches!(next.body, NormalisedBody::Streamed) {
        return Err(RedirectError::StreamGone(status.as_u16()));
    }
    if next.url.origin() != request.url.origin() {
        remove(&mut next.headers, &CREDENTIALS);
    }
    Ok(Next::Follow(Box::new(next)))
}

const ABOUT_THE_BODY: [HeaderName; 4] =
    [header::CONTENT_ENCODING, header::CONTENT_LANGUAGE, header::CONTENT_LOCATION, header::CONTENT_TYPE];

/// What a script set for one server is not for another.
const CREDENTIALS: [HeaderName; 3] = [header::AUTHORIZATION, header::COOKIE, header::PROXY_AUTHORIZATION];

fn turns_into_get(status: StatusCode, method: &Method) -> bool {
    match status {
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => *method == Method::POST,
        StatusCode::SEE_OTHER => !matches!(*method, Method::GET | Method::HEAD),
        _ => false,
    }
}

fn remove(headers: &mut HeaderMap, names: &[HeaderName]) {
    for name in names {
        headers.remove(name);
    }
}
