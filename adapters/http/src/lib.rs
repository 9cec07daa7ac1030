//! The plain HTTP API, and the listener that every adapter on HTTP shares.
//!
//! [`router`] has the routes; [`protect`] puts around them, and around those of other adapters, what every
//! route needs: who may ask, how much, and in what form errors come. [`serve`] listens.

mod caller;
mod extract;
mod guard;
mod listener;
mod openapi;
mod problem;
mod protect;
mod routes;
mod wait;

pub use guard::Hosts;
pub use listener::{ListenOptions, serve};
pub use openapi::description;
pub use protect::{Protection, protect};
pub use routes::{Operations, router};
