//! The errors of one operation: a type for each, so that the document lists
//! what the operation really answers.

use std::collections::BTreeSet;
use std::marker::PhantomData;

use messenger_core::Error;
use poem::{IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, Registry};
use poem_openapi::types::Type as _;

use super::{PROBLEM_JSON, Problem, ProblemBody, status_of_code};

/// The codes that an operation answers beyond those of the
/// [gate](crate::gate), which follow from its description.
pub(crate) trait OperationErrors: Send + Sync + 'static {
    /// The codes, in the order in which the document shows them.
    const CODES: &'static [&'static str];
    /// The same, separated by spaces: what [`ApiResponse::meta`] hands to the
    /// document's builder, which sorts them by status.
    const NOTE: &'static str;
}

/// Declares a type for each operation that has errors of its own.
macro_rules! operation_errors {
    ($($name:ident: [$($code:ident),* $(,)?];)+) => {
        $(
            #[doc = concat!("The errors of `", stringify!($name), "`.")]
            #[derive(Debug)]
            pub(crate) struct $name;

            impl $crate::problem::OperationErrors for $name {
                const CODES: &'static [&'static str] = &[$(stringify!($code)),*];
                const NOTE: &'static str = concat!($(stringify!($code), " "),*);
            }
        )+
    };
}
pub(crate) use operation_errors;

/// Why an operation gave no answer.
#[derive(Debug)]
pub(crate) struct Failure<E> {
    problem: Problem,
    operation: PhantomData<fn() -> E>,
}

impl<E: OperationErrors> From<Error> for Failure<E> {
    fn from(error: Error) -> Self {
        Problem::of(error).into()
    }
}

impl<E: OperationErrors> From<messenger_core::error::Refusal> for Failure<E> {
    fn from(refusal: messenger_core::error::Refusal) -> Self {
        Problem::from(refusal).into()
    }
}

impl<E: OperationErrors> From<Problem> for Failure<E> {
    fn from(problem: Problem) -> Self {
        let code = problem.code();
        // An answer that the document does not tell of is better than a wrong
        // one, but it is a defect: tests run with debug assertions.
        if !(E::CODES.contains(&code) || crate::gate::CODES.iter().any(|known| known.as_str() == code)) {
            tracing::error!(code, operation = std::any::type_name::<E>(), "an undocumented error");
            debug_assert!(false, "{} answered {code}, which the document does not tell", std::any::type_name::<E>());
        }
        Self { problem, operation: PhantomData }
    }
}

impl<E> From<Failure<E>> for poem::Error {
    fn from(failure: Failure<E>) -> Self {
        failure.problem.into()
    }
}

impl<E> IntoResponse for Failure<E>
where
    E: OperationErrors,
{
    fn into_response(self) -> Response {
        self.problem.into_response()
    }
}

impl<E: OperationErrors> ApiResponse for Failure<E> {
    fn meta() -> MetaResponses {
        let statuses: BTreeSet<u16> = E::CODES
            .iter()
            .map(|code| status_of_code(code).unwrap_or_else(|| panic!("{code} is not a code")).as_u16())
            .collect();
        let response = |status| MetaResponse {
            description: E::NOTE,
            status: Some(status),
            status_range: None,
            content: vec![MetaMediaType { content_type: PROBLEM_JSON, schema: ProblemBody::schema_ref() }],
            headers: vec![],
        };
        MetaResponses { responses: statuses.into_iter().map(response).collect() }
    }

    fn register(registry: &mut Registry) {
        ProblemBody::register(registry);
    }
}
