//! Pages: a concrete type for each list, because generated clients name their
//! types after schemas.

use messenger_core::page::Page;
use poem_openapi::Object;
use poem_openapi::types::Example;
use serde::Serialize;

use super::{Conversation, Friend, FriendRequest, Member, Message, Nullable, Session, User};

macro_rules! pages {
    ($($(#[$doc:meta])* $name:ident of $item:ident;)+) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Object, Serialize)]
            #[oai(example)]
            pub struct $name {
                /// The items, in the list's order.
                pub items: Vec<$item>,
                /// Where the next page begins: give it back as `cursor`. Null on
                /// the last page.
                pub next_cursor: Nullable<String>,
            }

            impl $name {
                /// The wire's form of a page.
                pub fn of<T>(page: Page<T>, item: impl FnMut(T) -> $item) -> Self {
                    Self { items: page.items.into_iter().map(item).collect(), next_cursor: page.next_cursor.into() }
                }
            }

            impl Example for $name {
                fn example() -> Self {
                    Self { items: vec![$item::example()], next_cursor: Nullable(None) }
                }
            }
        )+
    };
}

pages! {
    /// A page of users.
    UserPage of User;
    /// A page of friends, or of blocked users.
    FriendPage of Friend;
    /// A page of friend requests.
    FriendRequestPage of FriendRequest;
    /// A page of conversations.
    ConversationPage of Conversation;
    /// A page of members.
    MemberPage of Member;
    /// A page of messages of several conversations.
    RecentMessagePage of Message;
    /// A page of sessions.
    SessionPage of Session;
}
