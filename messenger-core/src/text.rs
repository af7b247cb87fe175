//! Checks that the text types share.

use crate::error::InvalidValue;

/// Refuses text whose length in Unicode scalar values is not in `min..=max`.
pub(crate) fn check_length(text: &str, min: usize, max: usize) -> Result<(), InvalidValue> {
    // A scalar value has at most four bytes, so a huge input is refused
    // without counting all of it.
    let length = if text.len() > max * 4 { usize::MAX } else { text.chars().count() };
    if (min..=max).contains(&length) {
        Ok(())
    } else {
        Err(InvalidValue::new(format!("must have {min} to {max} characters")))
    }
}

/// Refuses control characters, and the line and paragraph separators of Unicode,
/// which would break a line of a list or a log.
pub(crate) fn check_one_line(text: &str) -> Result<(), InvalidValue> {
    if text.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')) {
        Err(InvalidValue::new("must not contain control characters or line separators"))
    } else {
        Ok(())
    }
}

/// Declares a text type: private, parsed, shown as it was given.
macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub struct $name(String);

        impl $name {
            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Takes text that was parsed before it was stored. For stores
            /// only: it checks nothing.
            pub fn from_stored(text: String) -> Self {
                Self(text)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}
pub(crate) use text_type;
