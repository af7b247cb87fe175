//! What goes over the wire: one type per JSON object, apart from core's types,
//! so that neither can change the other by accident.
//!
//! In answers every field is present: one that may be null is a [`Nullable`].

mod conversations;
mod event_data;
mod event_kinds;
mod events;
mod friends;
mod messages;
mod page;
mod scalar;
mod sessions;
mod signal_data;
mod signals;
mod users;

pub use conversations::{
    Conversation, ConversationChanges, ConversationKind, Member, NewConversation, NewDirectConversation, NewGroup,
    NewMember, Role, RoleChange,
};
pub use event_data::{
    ClosedFriendRequest, EndedSession, MemberReadState, OtherUser, RemovedMember, SharedConversation,
};
pub(crate) use event_kinds::{EVENT_KINDS, EventKind, Place};
pub use events::{Event, EventPage, FriendRequests, Snapshot, Ticket};
pub use friends::{Friend, FriendRequest, FriendRequestSent, NewFriendRequest};
pub use messages::{Message, MessageEdit, MessagePage, NewMessage, ReadMarker, ReadState};
pub use page::{ConversationPage, FriendPage, FriendRequestPage, MemberPage, RecentMessagePage, SessionPage, UserPage};
pub use scalar::{Nullable, UtcTime};
pub use sessions::{Login, Logout, PasswordChange, RefreshRequest, Registration, Session, SignedIn, Tokens};
pub use signal_data::{Presence, PresenceState, Typing};
pub use signals::Signal;
pub use users::{DmPolicy, Me, MeChanges, PresencePolicy, Profile, Relationship, User};
