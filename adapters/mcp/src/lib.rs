//! Stasis as a server of the Model Context Protocol: what [`stasis_api::Api`] offers as tools, resources,
//! prompts and tasks, over stdio, Streamable HTTP and HTTP+SSE.
//!
//! [`Server`] is the service; [`serve_stdio`], [`streamable_http`] and [`sse`] are the transports, which
//! carry any service that passes custom requests on to [`Server::custom_request`]. Nothing of an execution lives here: a task is an execution, and what a connection
//! forgets can be asked for again by name.

mod answer;
mod asked;
mod attend;
mod body;
mod console;
mod core_tasks;
mod instructions;
mod link;
mod logging;
mod message;
mod outbox;
mod prompts;
mod resources;
mod schema;
mod server;
mod sse;
mod stdio;
mod streamable;
mod tasks;
mod tool;
mod tools;

pub use server::Server;
pub use sse::{SseOptions, sse};
pub use stdio::{Standard, StdioError, StdioOptions, serve_stdio};
pub use streamable::{SessionOptions, StreamableHttpOptions, streamable_http};
