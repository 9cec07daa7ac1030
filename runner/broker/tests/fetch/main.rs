//! Fetches by scripts against servers that behave well, badly, and worse.

mod abort;
mod bypass;
mod exchange;
mod injection;
mod limits;
mod misbehaviour;
mod outbound;
mod redirects;
mod secure;
mod streams;
mod support;
