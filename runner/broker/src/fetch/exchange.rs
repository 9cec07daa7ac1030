//! One fetch from the script's request to the response's headers, over all redirects.

use std::sync::Arc;

use reqwest::{Body, Method};
use stasis_core::host::{FetchResponse, Header};
use tokio::sync::Notify;

use super::{
    FetchError, Shared,
    decision::decide,
    download::Download,
    limits::{LimitError, Usage},
    redirect::{self, MAX_REDIRECTS, Next, RedirectError},
    request::{Normalised, NormalisedBody, header_bytes},
    upload::Upload,
};
use crate::outbound::{OutboundRequest, OutboundResponse};

/// What comes of an exchange: what the script is told, and what it can read if there is anything.
pub(super) type Answer = (FetchResponse, Option<Download>);

/// Does it, within the time that there is for it.
pub(super) async fn run(
    shared: Arc<Shared>,
    usage: Arc<Usage>,
    request: Normalised,
    upload: Option<Upload>,
) -> Result<Answer, FetchError> {
    let within = usage.limits().headers_within;
    let progress = upload.as_ref().map(Upload::progress).unwrap_or_default();
    let mut exchange = Box::pin(follow(&shared, &usage, request, upload));
    loop {
        tokio::select! {
            biased;
            answer = &mut exchange => return answer,
            () = Notify::notified(&progress) => {}
            () = tokio::time::sleep(within) => return Err(LimitError::HeadersWithin(within).into()),
        }
    }
}

async fn follow(
    shared: &Shared,
    usage: &Arc<Usage>,
    mut request: Normalised,
    mut upload: Option<Upload>,
) -> Result<Answer, FetchError> {
    for hop in 0..=MAX_REDIRECTS {
        let response = ask(shared, usage, &request, &mut upload).await?;
        match redirect::after(&request, response.status(), response.headers())? {
            Next::Deliver => return deliver(usage, &request, response, hop > 0),
            Next::Follow(next) => request = *next,
        }
    }
    Err(RedirectError::TooMany.into())
}

/// One hop: to the policy, and then to the server.
async fn ask(
    shared: &Shared,
    usage: &Usage,
    request: &Normalised,
    upload: &mut Option<Upload>,
) -> Result<OutboundResponse, FetchError> {
    decide(&*shared.policy, request).await?;
    let (method, url) = (request.method.clone(), request.url.clone());
    let body = match &request.body {
        NormalisedBody::None => None,
        NormalisedBody::Whole(bytes) => Some(Body::from(bytes.clone())),
        NormalisedBody::Streamed => upload.take().map(Upload::into_body),
    };
    let mut headers = request.headers.clone();
    shared.header_rules.inject(url.host_str().unwrap_or_default(), &method, &mut headers);
    let response = shared.outbound.send(OutboundRequest { method, url, headers, body }).await?;
    if header_bytes(response.headers()) > usage.limits().header_bytes {
        return Err(LimitError::ResponseHeaders(usage.limits().header_bytes).into());
    }
    Ok(response)
}

fn deliver(
    usage: &Arc<Usage>,
    request: &Normalised,
    response: OutboundResponse,
    redirected: bool,
) -> Result<Answer, FetchError> {
    let status = response.status().as_u16();
    if !(200..600).contains(&status) {
        return Err(FetchError::Status(status));
    }
    let headers = response.headers().iter().map(|(name, value)| Header {
        name: name.as_str().to_owned(),
        value: value.as_bytes().to_vec().into(),
    });
    let has_body = request.method != Method::HEAD && !matches!(status, 204 | 205 | 304);
    let told = FetchResponse {
        status,
        status_text: response.reason().to_owned(),
        headers: headers.collect(),
        url: request.url.to_string(),
        redirected,
        has_body,
    };
    Ok((told, has_body.then(|| Download::new(response, Arc::clone(usage)))))
}
