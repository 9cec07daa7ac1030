//! Policies as the operator writes them: what is refused, what is decided, what is recorded.

mod allowed_by_hand;
mod chains;
mod events;
mod local;
mod opa;
mod record;
mod reload;
mod remote;
mod samples;
mod settings;
mod support;
