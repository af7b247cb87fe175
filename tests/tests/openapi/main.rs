//! The OpenAPI document: that the file in the repository is what the code says,
//! and that what it says is said well. Whether it is true is for the HTTP suite
//! to see, which holds every answer to it.

mod answers;
mod drift;
mod examples;
mod operations;

use std::sync::LazyLock;

use serde_json::Value;

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| messenger_http::document(""));

/// Fails with all that is wrong, not with the first of it.
#[track_caller]
fn assert_none(what: &str, wrong: &[String]) {
    assert!(wrong.is_empty(), "{what}:\n  {}", wrong.join("\n  "));
}

/// What a reference within the document leads to.
fn follow(reference: &str) -> Option<&'static Value> {
    DOCUMENT.pointer(reference.strip_prefix('#')?)
}
