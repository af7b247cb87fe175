//! The OpenAPI document as a contract: which operation a request is for, and
//! whether an answer is one that it tells.

use std::sync::LazyLock;

use poem::http::{HeaderMap, Method, header};
use serde_json::Value;

use super::schema::Schemas;
use super::seen::Seen;

/// The document, and how much of it the run has seen.
pub struct Contract {
    /// The document, as it is served.
    pub document: Value,
    /// What the run has seen of it.
    pub seen: Seen,
    operations: Vec<Operation>,
}

/// One operation of the document.
#[derive(Debug, Clone)]
pub struct Operation {
    /// Its id.
    pub id: String,
    /// Its method.
    pub method: Method,
    /// Its path, with its parameters' names in braces.
    pub path: String,
    /// Its description.
    pub described: Value,
}

/// A request and what came back.
pub(super) struct Exchange<'a> {
    pub(super) method: &'a Method,
    pub(super) path: &'a str,
    pub(super) status: u16,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a [u8],
}

/// What a client of an HTTP service has no business to read in an error.
const INTERNALS: [&str; 12] =
    ["hunter2", "sqlite", "mysql", "mariadb", "sqlx", "select ", "insert ", "panic", "unwrap", ".rs", "poem", "argon2"];

static CONTRACT: LazyLock<Contract> = LazyLock::new(|| {
    let document = messenger_http::document("");
    let mut operations = vec![];
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, described) in methods.as_object().expect("methods") {
            operations.push(Operation {
                id: described["operationId"].as_str().expect("an operation id").to_owned(),
                method: method.to_uppercase().parse().expect("a method"),
                path: path.clone(),
                described: described.clone(),
            });
        }
    }
    Contract { document, seen: Seen::nothing(), operations }
});

impl Contract {
    /// The one contract of this process.
    pub fn get() -> &'static Self {
        &CONTRACT
    }

    /// Every operation there is.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The operation of this id.
    pub fn operation(&self, id: &str) -> &Operation {
        let found = self.operations.iter().find(|operation| operation.id == id);
        found.unwrap_or_else(|| panic!("there is no operation {id}"))
    }

    /// The operation that a request is for. A path that is literally told wins
    /// over one with parameters.
    fn find(&self, method: &Method, path: &str) -> Option<&Operation> {
        let method = if method == Method::HEAD { &Method::GET } else { method };
        let fitting = self.operations.iter().filter(|operation| operation.takes(path));
        let path = fitting.min_by_key(|operation| operation.path.matches('{').count()).map(|best| &best.path)?;
        self.operations.iter().find(|operation| operation.path == *path && operation.method == *method)
    }

    /// Holds an answer to the document; the error says what the document does
    /// not tell.
    pub(super) fn check(&self, exchange: &Exchange<'_>) -> Result<(), String> {
        if !exchange.headers.contains_key("x-request-id") {
            return Err("it has no X-Request-Id".to_owned());
        }
        let described = match self.find(exchange.method, exchange.path) {
            Some(operation) => {
                let code = exchange.problem_code();
                self.seen.note(&operation.id, exchange.status, &code);
                Some(operation.response(exchange.status, &code)?)
            }
            None => None,
        };
        exchange.check_that_no_internals_show()?;
        exchange.check_headers(self, described)?;
        exchange.check_body(self, described)
    }
}

impl Operation {
    /// Whether a path is of this operation's form.
    fn takes(&self, path: &str) -> bool {
        let (own, given) = (self.path.split('/'), path.split('/'));
        own.clone().count() == given.clone().count()
            && own.zip(given).all(|(own, given)| own == given || (own.starts_with('{') && !given.is_empty()))
    }

    fn response(&self, status: u16, code: &str) -> Result<&Value, String> {
        let response = self.described["responses"].get(status.to_string());
        let response = response.ok_or_else(|| format!("{} does not tell of {status} {code}", self.id))?;
        if status >= 400 && !response["x-codes"].as_array().is_some_and(|codes| codes.iter().any(|known| known == code))
        {
            return Err(format!("{} does not tell of the code {code} with {status}", self.id));
        }
        Ok(response)
    }

    /// Whether it can be asked without a token.
    pub fn is_open(&self) -> bool {
        self.described["security"].as_array().is_some_and(Vec::is_empty)
    }

    /// Whether it makes use of a token but can do without.
    pub fn takes_no_token_too(&self) -> bool {
        let schemes = self.described["security"].as_array().map_or(&[][..], Vec::as_slice);
        schemes.iter().any(|scheme| scheme.as_object().is_some_and(serde_json::Map::is_empty))
    }

    /// The schema of its body.
    pub fn body_schema(&self) -> Option<&Value> {
        let schema = &self.described["requestBody"]["content"]["application/json"]["schema"];
        (!schema.is_null()).then_some(schema)
    }

    /// Its parameters: name, place and schema.
    pub fn parameters(&self) -> impl Iterator<Item = (&str, &str, &Value)> {
        self.described["parameters"].as_array().into_iter().flatten().map(|parameter| {
            let text = |key: &str| parameter[key].as_str().expect("a parameter has it");
            (text("name"), text("in"), &parameter["schema"])
        })
    }
}

impl Exchange<'_> {
    fn problem_code(&self) -> String {
        let problem = serde_json::from_slice::<Value>(self.body).unwrap_or_default();
        let code = if self.status >= 400 { problem["code"].as_str() } else { None };
        code.unwrap_or_default().to_owned()
    }

    fn check_that_no_internals_show(&self) -> Result<(), String> {
        let body = if self.status >= 400 { String::from_utf8_lossy(self.body).to_lowercase() } else { String::new() };
        match INTERNALS.into_iter().find(|internal| body.contains(internal)) {
            Some(internal) => Err(format!("it shows internals ({internal}): {body}")),
            None => Ok(()),
        }
    }

    /// The headers that the document tells are there; those that are always
    /// told of are not there untold.
    fn check_headers(&self, contract: &Contract, described: Option<&Value>) -> Result<(), String> {
        let must = match self.status {
            401 => Some("www-authenticate"),
            405 => Some("allow"),
            429 | 503 => Some("retry-after"),
            _ => None,
        };
        if let Some(name) = must.filter(|name| !self.headers.contains_key(*name)) {
            return Err(format!("{} without {name}", self.status));
        }
        let Some(described) = described else { return Ok(()) };
        let told = described["headers"].as_object().cloned().unwrap_or_default();
        for known in contract.document["components"]["headers"].as_object().expect("headers").keys() {
            let (is_there, is_told) = (self.headers.contains_key(known), told.contains_key(known));
            // A limit may be switched off.
            let is_limit = known.starts_with("RateLimit");
            if is_there && !is_told || is_told && !is_there && !is_limit {
                return Err(format!("the header {known} is there: {is_there}; told: {is_told}"));
            }
        }
        Ok(())
    }

    fn check_body(&self, contract: &Contract, described: Option<&Value>) -> Result<(), String> {
        if *self.method == Method::HEAD {
            return Ok(());
        }
        let media_type = self.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let essence = media_type.map(|media_type| media_type.split(';').next().unwrap_or_default());
        if self.status >= 400 && essence != Some("application/problem+json") {
            return Err(format!("an error of the type {media_type:?}"));
        }
        let problem = &contract.document["components"]["schemas"]["Problem"];
        let schema = match described {
            None if self.status >= 400 => problem,
            None => return Ok(()),
            Some(described) => match described.get("content").and_then(Value::as_object) {
                None if self.body.is_empty() && essence.is_none() => return Ok(()),
                None => return Err(format!("a body of {} bytes, and the document tells of none", self.body.len())),
                Some(content) => match content.get(essence.unwrap_or_default()) {
                    Some(media) => &media["schema"],
                    None => return Err(format!("the document does not tell of the type {media_type:?}")),
                },
            },
        };
        if essence == Some("text/plain") {
            return Ok(());
        }
        let value: Value = serde_json::from_slice(self.body).map_err(|error| format!("it is not JSON: {error}"))?;
        let misfits = Schemas::of(&contract.document).misfits(schema, &value);
        if !misfits.is_empty() {
            return Err(format!("it does not fit its schema: {misfits:?} in {value}"));
        }
        if self.status >= 400 && value["status"] != self.status {
            return Err(format!("the problem says {} and the answer {}", value["status"], self.status));
        }
        Ok(())
    }
}
