//! The operations: one struct per resource. A handler parses, calls the one
//! use case, and answers; the rules are core's.

mod auth;
mod blocks;
mod conversations;
mod events;
mod friend_requests;
mod friends;
mod members;
mod messages;
mod service;
mod sessions;
mod users;

use messenger_core::Messenger;
use poem::endpoint::BoxEndpoint;
use poem::http::Method;
use poem_openapi::registry::{MetaApi, Registry};
use poem_openapi::{OpenApi, Tags};
use std::collections::HashMap;

use crate::pages::Pages;
use crate::readiness::Readiness;

/// The resources.
#[derive(Tags)]
pub(crate) enum Tag {
    /// Registering, logging in, and what goes with it.
    #[oai(rename = "auth")]
    Auth,
    /// One's own logins, device by device.
    #[oai(rename = "sessions")]
    Sessions,
    /// Oneself and others.
    #[oai(rename = "users")]
    Users,
    /// Who is friends with whom.
    #[oai(rename = "friends")]
    Friends,
    /// Asking to be friends. Two requests that cross make a friendship.
    #[oai(rename = "friend_requests")]
    FriendRequests,
    /// Keeping someone away. The blocked do not learn of it.
    #[oai(rename = "blocks")]
    Blocks,
    /// Where messages live: direct ones of two users, and groups.
    #[oai(rename = "conversations")]
    Conversations,
    /// Who is in a conversation.
    #[oai(rename = "members")]
    Members,
    /// What is said, and how far one has read.
    #[oai(rename = "messages")]
    Messages,
    /// What happens, as it happens.
    #[oai(rename = "events")]
    Events,
    /// How the server stands.
    #[oai(rename = "service")]
    Service,
}

type All = (
    auth::AuthApi,
    sessions::SessionsApi,
    users::UsersApi,
    friends::FriendsApi,
    friend_requests::FriendRequestsApi,
    blocks::BlocksApi,
    conversations::ConversationsApi,
    members::MembersApi,
    messages::MessagesApi,
    events::EventsApi,
    service::ServiceApi,
);

/// All operations over one messenger.
pub(crate) fn all(messenger: &Messenger, pages: Pages, readiness: Readiness) -> impl OpenApi + use<> {
    let all: All = (
        auth::AuthApi(messenger.clone()),
        sessions::SessionsApi(messenger.clone()),
        users::UsersApi(messenger.clone()),
        friends::FriendsApi(messenger.clone()),
        friend_requests::FriendRequestsApi(messenger.clone()),
        blocks::BlocksApi(messenger.clone()),
        conversations::ConversationsApi(messenger.clone()),
        members::MembersApi(messenger.clone()),
        messages::MessagesApi { messenger: messenger.clone(), pages },
        events::EventsApi(messenger.clone()),
        service::ServiceApi { messenger: messenger.clone(), readiness },
    );
    all
}

/// The operations' descriptions, which need no messenger.
pub(crate) struct Described;

impl OpenApi for Described {
    fn meta() -> Vec<MetaApi> {
        All::meta()
    }

    fn register(registry: &mut Registry) {
        All::register(registry);
    }

    fn add_routes(self, _: &mut HashMap<String, HashMap<Method, BoxEndpoint<'static>>>) {}
}
