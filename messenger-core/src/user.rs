//! Users: identities with a profile. How a user proves who they are is another
//! matter; see [`credential`](crate::credential).

use unicode_normalization::UnicodeNormalization as _;

use crate::clock::Timestamp;
use crate::error::InvalidValue;
use crate::id::UserId;
use crate::text::{check_length, check_lines, check_one_line, check_visible, text_type};

/// An account, as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Names the user for good.
    pub id: UserId,
    /// Unique; what others type to find the user.
    pub username: Username,
    /// Unique where present; shown to the user alone.
    pub email: Option<Email>,
    /// What others see.
    pub display_name: DisplayName,
    /// A few words about the user.
    pub bio: Option<Bio>,
    /// Where a picture is to be had.
    pub avatar_url: Option<AvatarUrl>,
    /// From whom direct messages are accepted.
    pub dm_policy: DmPolicy,
    /// Who learns whether the user is online.
    pub presence_policy: PresencePolicy,
    /// Whether a search for the exact email finds the user.
    pub findable_by_email: bool,
    /// When the account was made.
    pub created_at: Timestamp,
    /// When the profile last changed.
    pub updated_at: Timestamp,
}

/// From whom a user accepts direct messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DmPolicy {
    /// From friends only.
    Friends,
    /// From everyone whom the user has not blocked.
    Everyone,
}

impl DmPolicy {
    /// The word for it in stores and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Friends => "friends",
            Self::Everyone => "everyone",
        }
    }

    /// The policy that `word` names.
    pub fn parse(word: &str) -> Result<Self, InvalidValue> {
        match word {
            "friends" => Ok(Self::Friends),
            "everyone" => Ok(Self::Everyone),
            _ => Err(InvalidValue::new("must be \"friends\" or \"everyone\"")),
        }
    }
}

/// Who learns whether a user is online.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PresencePolicy {
    /// Friends, and fellow members of small groups.
    Shared,
    /// Nobody. The user still learns of others.
    Hidden,
}

impl PresencePolicy {
    /// The word for it in stores and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Shared => "shared",
            Self::Hidden => "hidden",
        }
    }

    /// The policy that `word` names.
    pub fn parse(word: &str) -> Result<Self, InvalidValue> {
        match word {
            "shared" => Ok(Self::Shared),
            "hidden" => Ok(Self::Hidden),
            _ => Err(InvalidValue::new("must be \"shared\" or \"hidden\"")),
        }
    }
}

text_type!(
    /// A unique name: 3 to 32 of `a-z`, `0-9`, `.` and `_`, where `.` and `_`
    /// neither lead, trail nor follow one another. Upper case folds to lower,
    /// so a username has one spelling and stores compare it byte by byte.
    Username
);

impl Username {
    /// Folds case and checks the rule.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        check_length(text, 3, 32)?;
        let folded = text.to_ascii_lowercase();
        let is_mark = |byte: u8| byte == b'.' || byte == b'_';
        let bytes = folded.as_bytes();
        if !bytes.iter().all(|&byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || is_mark(byte)) {
            return Err(InvalidValue::new("must consist of a-z, 0-9, \".\" and \"_\""));
        }
        let ends_in_mark = bytes.first().copied().is_some_and(is_mark) || bytes.last().copied().is_some_and(is_mark);
        if ends_in_mark || bytes.windows(2).any(|pair| is_mark(pair[0]) && is_mark(pair[1])) {
            return Err(InvalidValue::new("\".\" and \"_\" must stand between letters or digits"));
        }
        Ok(Self(folded))
    }
}

text_type!(
    /// An email address, checked by form only: something before the last `@`,
    /// a domain with a dot after it, no white space, at most 254 bytes (the
    /// limit of RFC 5321's path). Case folds, so an address has one spelling.
    Email
);

impl Email {
    /// Folds case and checks the form.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        let invalid = || InvalidValue::new("must be an email address");
        if text.len() > 254 || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(invalid());
        }
        let (local, domain) = text.rsplit_once('@').ok_or_else(invalid)?;
        let labels_ok = domain.split('.').count() >= 2
            && domain.split('.').all(|label| {
                !label.is_empty()
                    && !label.starts_with('-')
                    && !label.ends_with('-')
                    && label.chars().all(|c| c.is_alphanumeric() || c == '-')
            });
        // RFC 5321 limits the local part to 64 octets.
        if local.is_empty() || local.len() > 64 || local.contains('@') || !labels_ok {
            return Err(invalid());
        }
        Ok(Self(text.to_lowercase()))
    }
}

text_type!(
    /// What others see: 1 to 64 characters of one line, trimmed, of which one at
    /// least shows something.
    DisplayName
);

impl DisplayName {
    /// Trims and checks the rule.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        let trimmed = text.trim();
        check_length(trimmed, 1, 64)?;
        check_one_line(trimmed)?;
        check_visible(trimmed)?;
        Ok(Self(trimmed.to_owned()))
    }

    /// The form in which names are searched: compatibility-decomposed and in
    /// lower case, so that width and case do not matter.
    pub fn folded(&self) -> String {
        fold(&self.0)
    }
}

text_type!(
    /// A few words about oneself: 1 to 500 characters. Line breaks and tabs are
    /// the only control characters allowed.
    Bio
);

impl Bio {
    /// Checks the rule; line breaks are welcome.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        check_length(text, 1, 500)?;
        check_lines(text)?;
        Ok(Self(text.to_owned()))
    }
}

text_type!(
    /// Where a picture is to be had: an `https` address of at most 2,048 bytes.
    AvatarUrl
);

impl AvatarUrl {
    /// Checks the form; whether there is a picture is not checked.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        let rest = text.strip_prefix("https://").unwrap_or_default();
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if host.is_empty() || text.len() > 2_048 || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(InvalidValue::new("must be an https address of at most 2048 bytes"));
        }
        Ok(Self(text.to_owned()))
    }
}

/// A search for users, in the form in which stores compare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserQuery(String);

impl UserQuery {
    /// Trims and folds; 1 to 100 characters.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        let trimmed = text.trim();
        check_length(trimmed, 1, 100)?;
        Ok(Self(fold(trimmed)))
    }

    /// What usernames (themselves folded) and folded display names are
    /// compared with.
    pub fn folded(&self) -> &str {
        &self.0
    }

    /// The address, when the query is one: such a query finds who allows it by
    /// exact email.
    pub fn as_email(&self) -> Option<Email> {
        Email::parse(&self.0).ok()
    }
}

/// How well a user matches a query; lower is better. Stores compute it so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum MatchRank {
    /// The username, or the email of one who is findable by it, is the query.
    Exact = 0,
    /// The username begins with the query.
    UsernamePrefix = 1,
    /// The folded display name begins with the query.
    DisplayNamePrefix = 2,
    /// One of the two contains the query.
    Infix = 3,
}

fn fold(text: &str) -> String {
    text.nfkc().flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_username_folds_case() {
        assert_eq!(Username::parse("Ada.L_1").map(|u| u.to_string()), Ok("ada.l_1".into()));
    }

    #[test]
    fn a_username_with_a_misplaced_mark_is_refused() {
        for text in [".ada", "ada.", "_ada", "a..b", "a._b", "ad", &"a".repeat(33), "ada l", "adä"] {
            assert!(Username::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn an_email_needs_a_local_part_and_a_domain() {
        for text in ["a@b.co", "Ada.Lovelace+x@Example.ORG", "ä@bücher.example"] {
            assert!(Email::parse(text).is_ok(), "{text:?}");
        }
        let long = format!("{}@b.co", "a".repeat(65));
        for text in ["", "ada", "@b.co", "a@b", "a@.co", "a@b..co", "a b@c.de", "a@-b.co", "a@b@c.de", &long] {
            assert!(Email::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_display_name_is_one_trimmed_line_of_any_script() {
        assert_eq!(DisplayName::parse("  Ада 🦀 ").map(|d| d.to_string()), Ok("Ада 🦀".into()));
        assert!(DisplayName::parse(" ").is_err());
        assert!(DisplayName::parse("a\nb").is_err());
        for blank in ["\u{200b}", "\u{2800}\u{3164}", "\u{200d}\u{fe0f}", "\u{e0020} \u{feff}"] {
            assert!(DisplayName::parse(blank).is_err(), "{blank:?} shows nothing");
        }
        for shown in ["👩\u{200d}👩\u{200d}👧", "❤\u{fe0f}", "\u{200f}שלום", "می\u{200c}خواهم", "-"]
        {
            assert_eq!(DisplayName::parse(shown).map(|d| d.to_string()), Ok(shown.into()), "kept as it is");
        }
        assert_eq!(Bio::parse("one\r\n\ttwo").map(|b| b.to_string()), Ok("one\r\n\ttwo".into()));
        for control in ["\u{0}", "a\u{7f}", "\u{1b}[31m", "\u{85}"] {
            assert!(Bio::parse(control).is_err(), "{control:?}");
        }
        assert!(DisplayName::parse(&"é".repeat(65)).is_err());
    }

    #[test]
    fn folding_ignores_case_and_width() {
        assert_eq!(DisplayName::parse("ＡＤＡ").map(|d| d.folded()), Ok("ada".into()));
    }
}
