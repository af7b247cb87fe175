//! A value, bound or written as digits.

use std::fmt::Write as _;

use messenger_core::clock::Timestamp;
use messenger_core::event::{Partition, Position};
use sqlx::Arguments as _;
use sqlx::mysql::MySqlArguments;
use uuid::Uuid;

/// A value in a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Null,
    Number(i64),
    Bytes(Vec<u8>),
    Text(String),
    /// A place in the log that counts from where the script found the counter,
    /// which is in `@log` and the partition's number.
    Place(Partition, Position),
}

macro_rules! value_from {
    ($($from:ty => $make:expr),+ $(,)?) => {
        $(impl From<$from> for Value {
            fn from(value: $from) -> Self {
                #[allow(clippy::redundant_closure_call, reason = "the closure is what the macro takes")]
                $make(value)
            }
        })+
    };
}

value_from! {
    i64 => Self::Number,
    u16 => |number| Self::Number(i64::from(number)),
    u32 => |number| Self::Number(i64::from(number)),
    usize => |number| Self::Number(i64::try_from(number).unwrap_or(i64::MAX)),
    bool => |flag| Self::Number(i64::from(flag)),
    &[u8] => |bytes: &[u8]| Self::Bytes(bytes.to_vec()),
    &str => |text: &str| Self::Text(text.to_owned()),
    String => Self::Text,
    Uuid => |id: Uuid| Self::Bytes(id.as_bytes().to_vec()),
    Timestamp => |at: Timestamp| Self::Number(at.as_millis()),
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl Value {
    /// As a literal. Hexadecimal digits need no escapes, whatever they spell.
    pub(super) fn write(&self, text: &mut String) {
        match self {
            Self::Null => text.push_str("NULL"),
            Self::Number(number) => {
                // Writing to a String does not fail.
                let _ = write!(text, "{number}");
            }
            Self::Place(partition, place) => {
                let _ = write!(text, "@log{} + {}", partition.get(), place.get());
            }
            Self::Bytes(bytes) => write_hex(text, "x'", bytes),
            Self::Text(value) => write_hex(text, "_utf8mb4 x'", value.as_bytes()),
        }
    }

    pub(super) fn bind(self, arguments: &mut MySqlArguments) -> Result<(), sqlx::error::BoxDynError> {
        match self {
            Self::Null => arguments.add(None::<Vec<u8>>),
            Self::Number(number) => arguments.add(number),
            Self::Bytes(bytes) => arguments.add(bytes),
            Self::Text(text) => arguments.add(text),
            Self::Place(..) => Err("a place in the log is written out".into()),
        }
    }
}

fn write_hex(text: &mut String, introducer: &'static str, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    text.push_str(introducer);
    text.reserve(bytes.len() * 2 + 1);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text.push('\'');
}
