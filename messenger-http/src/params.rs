//! Parameters of the query. poem-openapi's own extractor leans on a private
//! type of its router; ours reads what the [gate](crate::gate) has checked.

use std::sync::Arc;

use messenger_core::page::{Limit, PageRequest};
use messenger_core::user::UserQuery;
use poem::{Request, RequestBody, Result};
use poem_openapi::registry::{MetaParamIn, MetaSchemaRef, Registry};
use poem_openapi::types::ParseFromParameter;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use crate::problem::{Code, Problem};

/// The query, parsed once.
#[derive(Debug, Clone)]
pub(crate) struct QueryPairs(pub(crate) Arc<Vec<(String, String)>>);

impl QueryPairs {
    /// The values of a parameter. A list may be given as repeated parameters
    /// or separated by commas.
    pub(crate) fn values<'a>(&'a self, name: &'a str, is_list: bool) -> impl Iterator<Item = &'a str> {
        let values = self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str());
        values.flat_map(move |value| value.split(move |c| is_list && c == ','))
    }
}

/// A parameter of the query.
#[derive(Debug)]
pub(crate) struct Query<T>(pub T);

impl<'a, T: ParseFromParameter> ApiExtractor<'a> for Query<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::Parameter];
    const PARAM_IS_REQUIRED: bool = T::IS_REQUIRED;
    type ParamType = T;
    type ParamRawType = T::RawValueType;

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn param_in() -> Option<MetaParamIn> {
        Some(MetaParamIn::Query)
    }

    fn param_schema_ref() -> Option<MetaSchemaRef> {
        Some(T::schema_ref())
    }

    fn param_raw_type(&self) -> Option<&Self::ParamRawType> {
        self.0.as_raw_value()
    }

    async fn from_request(request: &'a Request, _: &mut RequestBody, options: ExtractParamOptions<T>) -> Result<Self> {
        let pairs = request.extensions().get::<QueryPairs>();
        let values: Vec<_> =
            pairs.map(|pairs| pairs.values(options.name, T::schema_ref().is_array()).collect()).unwrap_or_default();
        // The gate has checked it, so this does not fail.
        T::parse_from_parameters(values).map(Self).map_err(|error| invalid(options.name, error.message()).into())
    }
}

/// One parameter that is missing or wrong.
pub(crate) fn invalid(name: &str, message: impl Into<String>) -> Problem {
    Problem::new(Code::InvalidParameter).field(name, message)
}

/// The page that a list operation is asked for.
pub(crate) fn page_request(limit: Option<i64>, cursor: Option<String>) -> Result<PageRequest, Problem> {
    Ok(PageRequest { cursor, limit: page_limit(limit)? })
}

/// The number of items that a list operation is asked for.
pub(crate) fn page_limit(limit: Option<i64>) -> Result<Limit, Problem> {
    let parsed = limit.map_or(Ok(Limit::DEFAULT), Limit::parse);
    parsed.map_err(|error| invalid("limit", error.to_string()))
}

/// What users are searched by.
pub(crate) fn user_query(text: &str) -> Result<UserQuery, Problem> {
    UserQuery::parse(text).map_err(|error| invalid("query", error.to_string()))
}
