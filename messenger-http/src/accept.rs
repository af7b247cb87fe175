//! `Accept`: a client that takes no JSON is told so before anything is done.

use poem::http::{HeaderMap, header};

use crate::problem::{Code, Problem};

/// What an operation answers with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Produces {
    /// JSON.
    Json,
    /// A word of text, for probes, whatever they accept.
    Text,
}

impl Produces {
    pub(crate) fn check(self, headers: &HeaderMap) -> Result<(), Problem> {
        let values = headers.get_all(header::ACCEPT).into_iter().filter_map(|value| value.to_str().ok());
        let ranges: Vec<_> = values.flat_map(|value| value.split(',')).filter(|range| !range.is_empty()).collect();
        let welcome = self == Self::Text || ranges.is_empty() || takes_json(&ranges);
        if welcome { Ok(()) } else { Err(Problem::new(Code::NotAcceptable)) }
    }
}

/// RFC 9110, section 12.5.1: of the ranges that match, the most specific one
/// counts, and a weight of 0 means no.
fn takes_json(ranges: &[&str]) -> bool {
    let mut best = (0, false);
    for range in ranges {
        let mut parts = range.split(';').map(|part| part.trim().to_ascii_lowercase());
        let specificity = match parts.next().as_deref() {
            Some("application/json") => 3,
            // Errors are told in this one; who takes it takes JSON.
            Some("application/problem+json" | "application/*") => 2,
            Some("*/*") => 1,
            _ => continue,
        };
        let refused = parts.any(|part| part.strip_prefix("q=").is_some_and(|q| q.parse() == Ok(0.0_f32)));
        if specificity > best.0 {
            best = (specificity, !refused);
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_found_in_what_clients_accept() {
        for accept in [
            "application/json",
            "*/*",
            "application/*",
            "text/html, application/xhtml+xml;q=0.9, */*;q=0.8",
            "Application/JSON;q=0.1",
            "text/plain, application/problem+json",
        ] {
            assert!(takes_json(&accept.split(',').collect::<Vec<_>>()), "{accept}");
        }
    }

    #[test]
    fn who_excludes_json_is_told() {
        for accept in ["text/html", "text/*", "image/png, text/plain", "application/json;q=0, */*", "*/*;q=0.0"] {
            assert!(!takes_json(&accept.split(',').collect::<Vec<_>>()), "{accept}");
        }
    }
}
