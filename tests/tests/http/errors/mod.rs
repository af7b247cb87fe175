//! Every error that a client can cause, for every operation that the OpenAPI
//! document has. No operation is named here unless it is an exception.

mod bodies;
mod faults;
mod fixture;
mod objects;
mod parameters;
mod paths;
mod tokens;

use fixture::Fixture;
use messenger_tests::http::Case;

pub(crate) const CASES: &[&[Case]] =
    &[bodies::CASES, faults::CASES, objects::CASES, parameters::CASES, paths::CASES, tokens::CASES];
