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

/// Refuses text that shows nothing: a name of it could not be told from another.
pub(crate) fn check_visible(text: &str) -> Result<(), InvalidValue> {
    if text.chars().all(|c| c.is_whitespace() || c.is_control() || is_blank(c)) {
        Err(InvalidValue::new("must have a character that can be seen"))
    } else {
        Ok(())
    }
}

/// Whether a character shows nothing by itself: those that Unicode 17.0 calls
/// `Default_Ignorable_Code_Point` (DerivedCoreProperties.txt), and blank signs of
/// other scripts: Braille, Egyptian hieroglyphs, music.
fn is_blank(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{13441}'..='\u{13442}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d159}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Refuses control characters, but for line breaks and tabs.
pub(crate) fn check_lines(text: &str) -> Result<(), InvalidValue> {
    if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        Err(InvalidValue::new("must not contain control characters but for line breaks and tabs"))
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
