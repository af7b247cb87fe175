//! Messages: numbered densely in their conversation, sent once however often
//! the client repeats itself, and never removed without a trace.

use sha2::{Digest as _, Sha256};

use crate::clock::Timestamp;
use crate::error::InvalidValue;
use crate::id::{ConversationId, MessageId, UserId};
use crate::text::{check_length, text_type};

/// A message's number in its conversation: 1, 2, 3 … in commit order, without
/// holes (I4). 0 stands before the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seq(i64);

impl Seq {
    /// Before the first message.
    pub const ZERO: Self = Self(0);

    /// Takes a number that is not negative.
    pub fn parse(seq: i64) -> Result<Self, InvalidValue> {
        if seq >= 0 { Ok(Self(seq)) } else { Err(InvalidValue::new("must be 0 or more")) }
    }

    /// Takes a number that a store kept.
    pub const fn from_stored(seq: i64) -> Self {
        Self(seq)
    }

    /// The number itself.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// The number after this one.
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// A message as every member sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Names the message everywhere.
    pub id: MessageId,
    /// Where it was sent.
    pub conversation_id: ConversationId,
    /// Its number there.
    pub seq: Seq,
    /// Who sent it.
    pub sender_id: UserId,
    /// What it says; `None` in a tombstone.
    pub body: Option<MessageBody>,
    /// The sender's own name for it, which makes a repeated send the same send.
    pub client_id: Option<ClientId>,
    /// The message of the same conversation that it answers.
    pub reply_to: Option<MessageId>,
    /// When it was sent.
    pub created_at: Timestamp,
    /// When its body last changed.
    pub edited_at: Option<Timestamp>,
    /// When it became a tombstone.
    pub deleted_at: Option<Timestamp>,
}

text_type!(
    /// What a message says: 1 to 8,000 characters of any Unicode, kept byte for
    /// byte.
    MessageBody
);

impl MessageBody {
    /// Checks the length; nothing is trimmed or normalised.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        check_length(text, 1, 8_000)?;
        Ok(Self(text.to_owned()))
    }
}

text_type!(
    /// A sender's own name for a send, or for the making of a group: 1 to 64
    /// printable ASCII characters. All members see it.
    ClientId
);

impl ClientId {
    /// Checks the rule.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        let printable = text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
        if printable && (1..=64).contains(&text.len()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidValue::new("must have 1 to 64 printable ASCII characters"))
        }
    }
}

/// What was first sent under a client id, as a SHA-256: a repeat is compared
/// with this and not with the message as it is now (I5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PayloadHash([u8; 32]);

impl PayloadHash {
    /// The hash of the parts, each with its length, so that no two different
    /// payloads run together into one.
    pub fn of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Self(hash.finalize().into())
    }

    /// Takes a hash that a store kept.
    pub const fn from_stored(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes to keep.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// A message about to be stored, or found again by its client id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentMessage {
    /// The message: as first sent when it is stored, as it is now when found.
    pub message: Message,
    /// What was first sent.
    pub payload_hash: PayloadHash,
}

/// Which messages of a conversation to list; all bounds are exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageRange {
    /// The newest ones.
    Latest,
    /// The newest ones before this number.
    Before(Seq),
    /// The oldest ones after this number.
    After(Seq),
}

impl MessageRange {
    /// Whether none of a conversation's messages are in it when this is the
    /// number of the last: numbers are dense (I4).
    pub fn is_empty_up_to(self, last: Seq) -> bool {
        match self {
            Self::Latest => last <= Seq::ZERO,
            Self::Before(seq) => last <= Seq::ZERO || seq.get() <= 1,
            Self::After(seq) => last <= seq,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_kept_byte_for_byte() {
        let text = " \u{0}e\u{301}\r\n👩‍👩‍👧 ";
        assert_eq!(MessageBody::parse(text).map(|b| b.as_str().to_owned()), Ok(text.to_owned()));
    }

    #[test]
    fn a_body_is_counted_in_characters() {
        assert!(MessageBody::parse(&"🦀".repeat(8_000)).is_ok());
        assert!(MessageBody::parse(&"🦀".repeat(8_001)).is_err());
        assert!(MessageBody::parse("").is_err());
    }

    #[test]
    fn payloads_do_not_run_together() {
        let one = PayloadHash::of([b"ab".as_slice(), b"c"]);
        let other = PayloadHash::of([b"a".as_slice(), b"bc"]);
        assert_ne!(one, other);
    }
}
