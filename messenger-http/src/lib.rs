//! The messenger as a documented REST service: poem-openapi over
//! `messenger-core`, whatever its store.
//!
//! [`app`] is a poem endpoint. The binary `messenger` serves it; another poem
//! app may mount it.

mod accept;
mod address;
mod answer;
mod api;
mod app;
mod auth;
mod body;
mod docs_page;
mod document;
mod gate;
mod hints;
mod limits;
mod live;
mod middleware;
mod pages;
mod params;
pub mod problem;
mod readiness;
mod schema;
mod values;
pub mod wire;

pub use address::{ClientAddress, InvalidNetwork, Network};
pub use app::{AppOptions, app};
pub use document::{asyncapi_document, asyncapi_text, document, document_text};
pub use hints::{InvalidNatsUrl, NatsUrl, exchange_hints};
pub use limits::{Quota, RateLimits};
pub use middleware::{InvalidOrigin, Origin};
pub use readiness::{Readiness, Stage};
