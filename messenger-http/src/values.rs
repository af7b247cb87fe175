//! Parsing the values of a body with all their errors at once.

use messenger_core::error::{FieldErrors, InvalidValue};

/// Parses a value that may be absent, and notes its error.
pub(crate) fn keep_optional<T>(
    errors: &mut FieldErrors,
    field: &str,
    text: Option<&str>,
    parse: impl FnOnce(&str) -> Result<T, InvalidValue>,
) -> Option<T> {
    text.and_then(|text| errors.keep(field, parse(text)))
}
