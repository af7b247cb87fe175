//! The two shapes that poem-openapi has no type for: a field that is always
//! there and may be null, and an instant as the wire shows it.

use std::borrow::Cow;

use jiff::Timestamp as Instant;
use messenger_core::clock::Timestamp;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{ParseError, ParseFromJSON, ParseResult, ToJSON, Type};
use serde::{Serialize, Serializer};
use serde_json::Value;

/// A field of an answer that is always present and may be null. (With `Option`
/// poem-openapi describes a field that may be absent.)
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Nullable<T>(pub Option<T>);

impl<T> From<Option<T>> for Nullable<T> {
    fn from(value: Option<T>) -> Self {
        Self(value)
    }
}

impl<T: Type> Type for Nullable<T> {
    const IS_REQUIRED: bool = true;
    type RawValueType = T::RawValueType;
    type RawElementValueType = T::RawElementValueType;

    fn name() -> Cow<'static, str> {
        format!("nullable_{}", T::name()).into()
    }

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Inline(Box::new(match T::schema_ref() {
            MetaSchemaRef::Inline(schema) => MetaSchema { nullable: true, ..*schema },
            // OpenAPI 3.0 ignores what stands beside a `$ref`.
            reference @ MetaSchemaRef::Reference(_) => {
                MetaSchema { nullable: true, all_of: vec![reference], ..MetaSchema::ANY }
            }
        }))
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn as_raw_value(&self) -> Option<&Self::RawValueType> {
        self.0.as_ref().and_then(Type::as_raw_value)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self::RawElementValueType> + 'a> {
        match &self.0 {
            Some(value) => value.raw_element_iter(),
            None => Box::new(std::iter::empty()),
        }
    }
}

impl<T: ParseFromJSON> ParseFromJSON for Nullable<T> {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        match value {
            None | Some(Value::Null) => Ok(Self(None)),
            value => T::parse_from_json(value).map(|value| Self(Some(value))).map_err(ParseError::propagate),
        }
    }
}

impl<T: ToJSON> ToJSON for Nullable<T> {
    fn to_json(&self) -> Option<Value> {
        Some(self.0.as_ref().and_then(ToJSON::to_json).unwrap_or(Value::Null))
    }
}

/// An instant: RFC 3339, UTC, always with milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UtcTime(pub Timestamp);

impl From<Timestamp> for UtcTime {
    fn from(at: Timestamp) -> Self {
        Self(at)
    }
}

impl UtcTime {
    /// The instant as text. One that no calendar has (before the year -9999 or
    /// after 9999) shows as the nearest that has a date.
    fn text(self) -> String {
        format!("{:.3}", self.nearest())
    }

    fn nearest(self) -> Instant {
        let nearest = if self.0.as_millis() < 0 { Instant::MIN } else { Instant::MAX };
        Instant::from_millisecond(self.0.as_millis()).unwrap_or(nearest)
    }
}

impl Serialize for UtcTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:.3}", self.nearest()))
    }
}

impl Type for UtcTime {
    const IS_REQUIRED: bool = true;
    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        "string_date-time".into()
    }

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Inline(Box::new(MetaSchema::new_with_format("string", "date-time")))
    }

    fn as_raw_value(&self) -> Option<&Self::RawValueType> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self::RawElementValueType> + 'a> {
        Box::new(std::iter::once(self))
    }
}

impl ParseFromJSON for UtcTime {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        let text = match value {
            Some(Value::String(text)) => text,
            other => return Err(ParseError::expected_type(other.unwrap_or_default())),
        };
        let instant: Instant = text.parse().map_err(ParseError::custom)?;
        Ok(Self(Timestamp::from_millis(instant.as_millisecond())))
    }
}

impl ToJSON for UtcTime {
    fn to_json(&self) -> Option<Value> {
        Some(Value::String(self.text()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_always_shows_its_milliseconds() {
        let text = |millis| UtcTime(Timestamp::from_millis(millis)).text();
        assert_eq!(text(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(text(1_700_000_000_120), "2023-11-14T22:13:20.120Z");
    }

    #[test]
    fn an_instant_outside_the_calendar_does_not_panic() {
        assert!(UtcTime(Timestamp::from_millis(i64::MAX)).text().starts_with("9999"));
        assert!(UtcTime(Timestamp::from_millis(i64::MIN)).text().starts_with("-009999"));
    }

    #[test]
    fn a_nullable_field_is_there_when_it_is_null() {
        assert_eq!(Nullable::<String>(None).to_json(), Some(Value::Null));
        let MetaSchemaRef::Inline(schema) = Nullable::<String>::schema_ref() else { panic!("inline") };
        assert!(schema.nullable && Nullable::<String>::IS_REQUIRED);
    }
}
