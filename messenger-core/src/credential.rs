//! Passwords: one way to prove who one is. Apart from users, in types, traits
//! and tables, so that an embedder with logins of its own needs none of it.

use std::fmt;

use zeroize::Zeroizing;

use crate::error::InvalidValue;
use crate::text::check_length;

/// A password as someone typed it: 8 to 128 characters (NIST SP 800-63B asks
/// for at least 8 and for a limit no lower than 64). Never shown, wiped from
/// memory when dropped.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// Checks the length; any character is welcome.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        check_length(text, 8, 128)?;
        Ok(Self::attempt(text))
    }

    /// What someone offers as their password. Whatever it is, it is compared
    /// and not judged, so that a login with an impossible password is answered
    /// like one with a wrong password.
    pub fn attempt(text: &str) -> Self {
        Self(Zeroizing::new(text.to_owned()))
    }

    /// The characters, for hashing only.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// A password's hash in PHC string format, with algorithm, cost and salt.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Takes a hash that was computed or that a store kept.
    pub fn from_stored(phc: String) -> Self {
        Self(phc)
    }

    /// The PHC string.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        let password = Password::parse("correct horse").expect("long enough");
        assert_eq!(format!("{password:?}"), "Password(…)");
    }

    #[test]
    fn a_short_or_huge_password_is_refused_without_repeating_it() {
        assert!(Password::parse("7 chars").is_err());
        let error = Password::parse(&"x".repeat(129)).expect_err("too long");
        assert_eq!(error.to_string(), "must have 8 to 128 characters");
    }
}
