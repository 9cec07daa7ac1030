//! What can go wrong with a request to another server, in words that a script may read.

use std::{error::Error, io, iter, time::Duration};

use tokio_rustls::rustls;

use super::resolver::LookupError;

/// Why there is no response, or no more of it.
///
/// The messages name hosts and limits, and no address that a name stands for inside of this network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OutboundError {
    /// Neither `http` nor `https`.
    #[error("only http: and https: URLs can be requested, not {scheme}:")]
    Scheme {
        /// What it is.
        scheme: String,
    },
    /// The host is written as an address that is not public.
    #[error(
        "{host} is {kind}, and this server connects to public addresses only; its operator can allow others \
         with --fetch-allow-private"
    )]
    PrivateAddress {
        /// As in the URL.
        host: String,
        /// What kind of address it is.
        kind: &'static str,
    },
    /// The host's name stands for addresses that are not public, and no others.
    #[error(
        "{host} has no public address, and this server connects to public addresses only; its operator can \
         allow others with --fetch-allow-private"
    )]
    PrivateName {
        /// As in the URL.
        host: String,
    },
    /// The host's name stands for nothing.
    #[error("the host name {host} cannot be resolved")]
    Unresolved {
        /// As in the URL.
        host: String,
    },
    /// Nothing listens there.
    #[error("{host} refused the connection")]
    Refused {
        /// As in the URL.
        host: String,
    },
    /// No way there.
    #[error("{host} cannot be reached")]
    Unreachable {
        /// As in the URL.
        host: String,
    },
    /// No connection in time.
    #[error("no connection to {host} came about in time")]
    ConnectTimedOut {
        /// As in the URL.
        host: String,
    },
    /// The server's certificate is not good.
    #[error("the TLS certificate of {host} is not trusted: {reason}")]
    Certificate {
        /// As in the URL.
        host: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// No common ground for encryption.
    #[error("the TLS handshake with {host} failed; does it speak https on this port?")]
    Tls {
        /// As in the URL.
        host: String,
    },
    /// The request itself is not possible.
    #[error("the request cannot be written as HTTP")]
    Request,
    /// The request's body came to no end: whoever sends it gave up.
    #[error("the request's body was not sent to its end")]
    UnfinishedBody,
    /// What came back is not HTTP.
    #[error("the response of {host} is not valid HTTP")]
    InvalidResponse {
        /// As in the URL.
        host: String,
    },
    /// What came back has more headers than we read.
    #[error("the headers of the response of {host} are too large")]
    HeadersTooLarge {
        /// As in the URL.
        host: String,
    },
    /// The connection ended too early.
    #[error("{host} closed the connection before its response was complete")]
    Closed {
        /// As in the URL.
        host: String,
    },
    /// The body is not what its `content-encoding` says.
    #[error("the response of {host} cannot be decompressed")]
    Compression {
        /// As in the URL.
        host: String,
    },
    /// Something else broke.
    #[error("the connection to {host} broke")]
    Broken {
        /// As in the URL.
        host: String,
    },
    /// The body is longer than the caller wants.
    #[error("the response is larger than {max_bytes} bytes")]
    TooLarge {
        /// The most that is read, after decompression.
        max_bytes: usize,
    },
    /// The server took longer than the caller waits.
    #[error("the response did not arrive within {} s", within.as_secs_f64())]
    TimedOut {
        /// How long we waited.
        within: Duration,
    },
}

/// A client that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum OutboundSetupError {
    /// A certificate that is to be trusted cannot be read.
    #[error("an extra root certificate is not valid PEM")]
    Root(#[source] reqwest::Error),
    /// No trusted certificates on this machine, most likely.
    #[error("cannot set up TLS; are root certificates installed?")]
    Client(#[source] reqwest::Error),
}

/// What the stream of a request's body fails with if it is not complete and never will be.
#[derive(Debug, thiserror::Error)]
#[error("the body came to no end")]
pub(crate) struct UnfinishedBody;

/// At what stage a request broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Headers,
    Body,
}

impl OutboundError {
    /// Finds out what is behind an error of the client.
    pub(super) fn classify(error: &reqwest::Error, host: &str, stage: Stage) -> Self {
        let host = host.to_owned();
        // What is behind an error of the protocol is not about compression.
        let mut in_protocol = false;
        for cause in causes(error) {
            if let Some(lookup) = cause.downcast_ref::<LookupError>() {
                return match lookup {
                    LookupError::Private => Self::PrivateName { host },
                    LookupError::Unknown(_) => Self::Unresolved { host },
                };
            }
            if cause.is::<UnfinishedBody>() {
                return Self::UnfinishedBody;
            }
            if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
                return match certificate_fault(tls) {
                    Some(reason) => Self::Certificate { host, reason },
                    None => Self::Tls { host },
                };
            }
            if let Some(http) = cause.downcast_ref::<hyper::Error>() {
                in_protocol = true;
                if let Some(known) = Self::of_http(http, &host) {
                    return known;
                }
            }
            if let Some(kind) = cause.downcast_ref::<io::Error>().map(io::Error::kind)
                && let Some(known) = Self::of_io(kind, in_protocol, &host)
            {
                return known;
            }
        }
        match stage {
            Stage::Headers if error.is_builder() => Self::Request,
            Stage::Headers if error.is_connect() && error.is_timeout() => Self::ConnectTimedOut { host },
            Stage::Body if error.is_decode() && !in_protocol => Self::Compression { host },
            Stage::Headers | Stage::Body => Self::Broken { host },
        }
    }

    fn of_http(error: &hyper::Error, host: &str) -> Option<Self> {
        let host = host.to_owned();
        if error.is_parse_too_large() {
            Some(Self::HeadersTooLarge { host })
        } else if error.is_parse() {
            Some(Self::InvalidResponse { host })
        } else if error.is_incomplete_message() {
            Some(Self::Closed { host })
        } else {
            None
        }
    }

    fn of_io(kind: io::ErrorKind, in_protocol: bool, host: &str) -> Option<Self> {
        let host = host.to_owned();
        match kind {
            io::ErrorKind::ConnectionRefused => Some(Self::Refused { host }),
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
                Some(Self::Unreachable { host })
            }
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => Some(Self::Closed { host }),
            io::ErrorKind::UnexpectedEof if in_protocol => Some(Self::Closed { host }),
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData if in_protocol => {
                Some(Self::InvalidResponse { host })
            }
            _ => None,
        }
    }
}

/// An error and everything behind it. An I/O error that wraps another one hides it from `source`.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    fn behind<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
        match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        }
    }
    iter::successors(Some(error), |error| behind(*error))
}

fn certificate_fault(error: &rustls::Error) -> Option<&'static str> {
    use rustls::CertificateError;

    let rustls::Error::InvalidCertificate(fault) = error else { return None };
    Some(match fault {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => "it is not valid yet",
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it is for another name"
        }
        CertificateError::UnknownIssuer => "its issuer is unknown",
        CertificateError::Revoked => "it was revoked",
        // The enum grows with the library.
        _ => "it cannot be verified",
    })
}
