//! What came back, with the assertions that cases make.

use poem::http::HeaderMap;
use serde_json::Value;

/// An answer that the document tells of.
#[derive(Debug, Clone)]
pub struct Answer {
    /// What was asked, for the text of failures.
    pub(super) asked: String,
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// The status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The body as it came.
    pub fn bytes(&self) -> &[u8] {
        &self.body
    }

    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("UTF-8")
    }

    /// The body of an answer with this status.
    #[track_caller]
    pub fn json(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}: {}", self.asked, String::from_utf8_lossy(&self.body));
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{}: {error}", self.asked))
    }

    /// The body of a 200.
    #[track_caller]
    pub fn ok(&self) -> Value {
        self.json(200)
    }

    /// The body of a 201.
    #[track_caller]
    pub fn created(&self) -> Value {
        self.json(201)
    }

    /// A 204, which has no body.
    #[track_caller]
    pub fn no_content(&self) {
        assert_eq!(self.status, 204, "{}: {}", self.asked, String::from_utf8_lossy(&self.body));
    }

    /// An error with this status and code.
    #[track_caller]
    pub fn refused(&self, status: u16, code: &str) -> Value {
        let problem = self.json(status);
        assert_eq!(problem["code"], code, "{}: {problem}", self.asked);
        problem
    }

    /// Input that was refused with this status and code, for these fields and
    /// no others.
    #[track_caller]
    pub fn refused_fields(&self, status: u16, code: &str, fields: &[&str]) {
        let problem = self.refused(status, code);
        let errors = problem["errors"].as_array().expect("a list of errors");
        let mut found: Vec<_> = errors.iter().map(|error| error["field"].as_str().expect("a field")).collect();
        let mut fields = fields.to_vec();
        found.sort_unstable();
        fields.sort_unstable();
        assert_eq!(found, fields, "{}: {problem}", self.asked);
    }

    /// The items of a page.
    #[track_caller]
    pub fn items(&self) -> Vec<Value> {
        self.ok()["items"].as_array().expect("a page has items").clone()
    }
}
