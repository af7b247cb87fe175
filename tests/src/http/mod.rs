//! What the HTTP suite stands on: an app over a store that a harness gives,
//! clients whose requests read aloud, and a contract that every answer is held
//! to.
//!
//! ```ignore
//! let ada = app.user("ada").await;
//! let me = ada.get("/v1/me").await.ok();
//! app.anon().get("/v1/me").await.refused(401, "missing_token");
//! ```
//!
//! Requests go through the real router, in process. Whatever comes back is
//! checked against the OpenAPI document before a case sees it: a status, a
//! code, a header or a field that the document does not tell fails the case.

mod answer;
mod app;
mod client;
mod contract;
mod faulty_store;
mod request;
mod runner;
mod schema;
mod seen;

pub use answer::Answer;
pub use app::{SIGNING_KEY, TestApp};
pub use client::{Anon, Client, PASSWORD, User};
pub use contract::{Contract, Operation};
pub use faulty_store::{Fault, HANG};
pub use request::Request;
pub use runner::{Case, CaseFuture, Store, run};
pub use schema::Schemas;
pub use seen::Seen;
