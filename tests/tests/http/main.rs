//! The HTTP suite: the same cases through the real router over each store.
//!
//! `cargo test --test http sqlite::` runs them on one store,
//! `cargo test --test http messages::` one group of them on both.

use std::process::ExitCode;

use messenger_tests::http::{Case, Store, run};
use messenger_tests::{MySqlHarness, SqliteHarness};

/// Makes a list of cases out of async functions of a `TestApp`.
macro_rules! cases {
    ($group:literal: $($case:ident),+ $(,)?) => {
        pub(crate) const CASES: &[messenger_tests::http::Case] = &[$(messenger_tests::http::Case {
            name: concat!($group, "::", stringify!($case)),
            run: |app| Box::pin($case(app)),
        }),+];
    };
}

mod auth;
mod blocks;
mod closing;
mod conversations;
mod errors;
mod events;
mod friends;
mod groups;
mod history;
mod messages;
mod paging;
mod sessions;
mod shell;
mod story;
mod typing;
mod users;

const STORES: &[Store] = &[
    Store { name: "sqlite", start: || Ok(Box::new(SqliteHarness::start()?)) },
    Store { name: "mysql", start: || Ok(Box::new(MySqlHarness::start()?)) },
];

const GROUPS: &[&[&[Case]]] = &[SUITE, errors::CASES];

const SUITE: &[&[Case]] = &[
    auth::CASES,
    blocks::CASES,
    conversations::CASES,
    events::CASES,
    friends::CASES,
    groups::CASES,
    history::CASES,
    messages::CASES,
    paging::CASES,
    sessions::CASES,
    shell::CASES,
    story::CASES,
    typing::CASES,
    users::CASES,
];

fn main() -> ExitCode {
    run(STORES, GROUPS, closing::every_answer_in_the_document_was_seen)
}
