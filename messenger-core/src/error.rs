//! What can go wrong, told apart by what the caller can do about it.

use std::fmt;
use std::time::Duration;

use crate::id::UserId;
use crate::store::StoreError;

/// The result of every service method.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a use case gave no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// Values that break a rule, each with the field that holds it.
    #[error("invalid input: {0}")]
    Invalid(#[from] FieldErrors),
    /// The present state or the viewer's rights forbid it.
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// The list's cursor is malformed, or belongs to another list or viewer.
    #[error("the cursor does not belong to this list")]
    BadCursor,
    /// The log does not go on from the cursor: it was purged beyond it, or is
    /// another log, such as a restored backup. Take a new snapshot.
    #[error("the log does not go on from this cursor: take a new snapshot")]
    ResyncRequired,
    /// The store failed. [`StoreError::is_transient`] tells whether a later try
    /// may succeed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// More changes are waiting than this node takes. Nothing was changed.
    #[error("too many changes are waiting")]
    Busy {
        /// When a later try is likely to find room.
        retry_after: Duration,
    },
    /// A defect or a broken environment; the text is for the log only.
    #[error("internal error: {0}")]
    Internal(String),
}

/// A value that breaks its type's rule, in words for the person who sent it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct InvalidValue {
    message: String,
}

impl InvalidValue {
    /// Says what the rule is, not what was sent: the value may be a secret.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }

    /// Names the field that held the value.
    pub fn at(self, field: impl Into<String>) -> FieldErrors {
        FieldErrors(vec![FieldError { field: field.into(), message: self.message }])
    }
}

/// One refused value and where it stood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// A JSON path such as `member_ids[2]`, or a parameter's name.
    pub field: String,
    /// What the rule is.
    pub message: String,
}

/// All refused values of one input, so that a person can mend them at once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FieldErrors(Vec<FieldError>);

impl std::error::Error for FieldErrors {}

impl fmt::Display for FieldErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{}: {}", error.field, error.message)?;
        }
        Ok(())
    }
}

impl FieldErrors {
    /// No errors yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps the value, or notes the error under `field`.
    pub fn keep<T>(&mut self, field: impl Into<String>, parsed: Result<T, InvalidValue>) -> Option<T> {
        match parsed {
            Ok(value) => Some(value),
            Err(error) => {
                self.push(field, error.message);
                None
            }
        }
    }

    /// Notes an error under `field`.
    pub fn push(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.0.push(FieldError { field: field.into(), message: message.into() });
    }

    /// The errors in the order in which they were noted.
    pub fn iter(&self) -> impl Iterator<Item = &FieldError> {
        self.0.iter()
    }

    /// Whether nothing was refused.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `Ok` when nothing was refused.
    pub fn into_result(self) -> Result<()> {
        if self.0.is_empty() { Ok(()) } else { Err(Error::Invalid(self)) }
    }
}

/// How a refusal relates to the caller; each kind is one HTTP status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalKind {
    /// Nobody, or not who they claim to be (401).
    Unauthenticated,
    /// Known, but not allowed (403).
    Forbidden,
    /// Not there, or hidden from the viewer (404).
    NotFound,
    /// At odds with the present state (409).
    Conflict,
}

macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident $kind:ident $code:literal $detail:literal),+ $(,)?) => {
        /// Why the rules say no. Every variant has a stable code.
        #[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
        pub enum Refusal {
            $($(#[$doc])* #[error($detail)] $name,)+
            /// These users do not accept it from the viewer: unknown, not
            /// friends, or blocked; one answer for all, so that it tells
            /// nothing.
            #[error("not friends with these users")]
            NotFriends(Vec<UserId>),
        }

        impl Refusal {
            /// The stable code, as clients see it.
            pub fn code(&self) -> &'static str {
                match self {
                    $(Self::$name => $code,)+
                    Self::NotFriends(_) => "not_friends",
                }
            }

            /// How the refusal relates to the caller.
            pub fn kind(&self) -> RefusalKind {
                match self {
                    $(Self::$name => RefusalKind::$kind,)+
                    Self::NotFriends(_) => RefusalKind::Forbidden,
                }
            }

            /// The refusal of this code, for a document that shows what it says;
            /// [`Refusal::NotFriends`] names nobody.
            pub fn from_code(code: &str) -> Option<Self> {
                match code {
                    $($code => Some(Self::$name),)+
                    "not_friends" => Some(Self::NotFriends(Vec::new())),
                    _ => None,
                }
            }

            /// Every code there is, with its kind, for a document that lists them.
            pub const CODES: &'static [(&'static str, RefusalKind)] = &[
                $(($code, RefusalKind::$kind),)+
                ("not_friends", RefusalKind::Forbidden),
            ];
        }
    };
}

refusals! {
    /// The login does not exist or the password is wrong; the two are not told apart.
    InvalidCredentials Unauthenticated "invalid_credentials" "the login or the password is wrong",
    /// The access token is malformed, forged, expired, or of an ended session.
    InvalidToken Unauthenticated "invalid_token" "the access token is not valid",
    /// The refresh token is unknown, or its session ended or expired.
    InvalidRefreshToken Unauthenticated "invalid_refresh_token" "the refresh token is not valid",
    /// The refresh token was spent and its successor used: its session was ended.
    RefreshTokenReused Unauthenticated "refresh_token_reused" "the refresh token was used before; its session has been ended",

    /// The ticket is unknown, spent or expired, or its session ended.
    InvalidTicket Unauthenticated "invalid_ticket" "the ticket is not valid",

    /// The current password given for a change is wrong.
    WrongPassword Forbidden "wrong_password" "the current password is wrong",
    /// The viewer's role, or not being the sender, does not allow it.
    NotAllowed Forbidden "not_allowed" "your role does not allow this",

    /// No such user.
    UserNotFound NotFound "user_not_found" "there is no such user",
    /// No such session of the viewer.
    SessionNotFound NotFound "session_not_found" "there is no such session",
    /// No such pending request.
    FriendRequestNotFound NotFound "friend_request_not_found" "there is no such friend request",
    /// The two are not friends.
    FriendshipNotFound NotFound "friendship_not_found" "you are not friends with this user",
    /// No such conversation, or the viewer is not a member.
    ConversationNotFound NotFound "conversation_not_found" "there is no such conversation",
    /// No such member of the conversation.
    MemberNotFound NotFound "member_not_found" "there is no such member",
    /// No such message in the conversation.
    MessageNotFound NotFound "message_not_found" "there is no such message",

    /// The username belongs to someone else.
    UsernameTaken Conflict "username_taken" "this username is taken",
    /// The email belongs to someone else.
    EmailTaken Conflict "email_taken" "this email is taken",
    /// The two are friends already.
    AlreadyFriends Conflict "already_friends" "you are friends already",
    /// The viewer has asked already.
    FriendRequestExists Conflict "friend_request_exists" "you have sent a friend request already",
    /// The viewer has blocked this user.
    BlockedByYou Conflict "blocked_by_you" "you have blocked this user",
    /// The user is a member already.
    AlreadyMember Conflict "already_member" "this user is a member already",
    /// The group has as many members as it may have.
    GroupFull Conflict "group_full" "the group has as many members as it may have",
    /// Only a group can be changed in this way.
    NotAGroup Conflict "not_a_group" "only a group can be changed in this way",
    /// The message was deleted.
    MessageDeleted Conflict "message_deleted" "this message was deleted",
    /// The client id was used for something else.
    ClientIdReused Conflict "client_id_reused" "this client_id was used with another payload",
}

impl From<InvalidValue> for Error {
    /// For an embedder's own `?` on a parsed value, where no field is known.
    fn from(error: InvalidValue) -> Self {
        Self::Invalid(error.at("value"))
    }
}
