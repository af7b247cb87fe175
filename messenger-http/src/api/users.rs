//! Oneself and others.

use messenger_core::error::FieldErrors;
use messenger_core::id::UserId;
use messenger_core::page::Page;
use messenger_core::service::users::UserChanges;
use messenger_core::user::{AvatarUrl, Bio, DisplayName};
use messenger_core::{Error, Messenger};
use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use poem_openapi::types::MaybeUndefined;
use uuid::Uuid;

use super::Tag;
use crate::answer::{Answer, Written};
use crate::auth::Authenticated;
use crate::body::JsonBody;
use crate::params::{Query, invalid, page_request, user_query};
use crate::problem::{Failure, operation_errors};
use crate::values::keep_optional;
use crate::wire;

/// How many users one request may name.
const MAX_IDS: usize = 100;

pub(crate) struct UsersApi(pub(crate) Messenger);

operation_errors! {
    GetMe: [];
    UpdateMe: [invalid_value];
    GetUser: [user_not_found];
    ListUsers: [];
    ListMutualFriends: [user_not_found];
}

#[OpenApi(prefix_path = "/v1", tag = "Tag::Users")]
impl UsersApi {
    /// See oneself
    ///
    /// The account as only its owner sees it.
    #[oai(path = "/me", method = "get", operation_id = "get_me")]
    async fn me(&self, viewer: Authenticated) -> Result<Written<wire::Me>, Failure<GetMe>> {
        Ok(Written(self.0.me(viewer.0.user_id).await?.into()))
    }

    /// Change oneself
    ///
    /// An absent field stays as it is; null clears.
    #[oai(path = "/me", method = "patch", operation_id = "update_me")]
    async fn update_me(
        &self,
        viewer: Authenticated,
        body: JsonBody<wire::MeChanges>,
    ) -> Result<Written<wire::Me>, Failure<UpdateMe>> {
        let new = body.0;
        let mut errors = FieldErrors::new();
        let changes = UserChanges {
            display_name: keep_optional(&mut errors, "display_name", new.display_name.as_deref(), DisplayName::parse),
            bio: cleared_or(&new.bio, |text| keep_optional(&mut errors, "bio", Some(text), Bio::parse)),
            avatar_url: cleared_or(&new.avatar_url, |text| {
                keep_optional(&mut errors, "avatar_url", Some(text), AvatarUrl::parse)
            }),
            dm_policy: new.dm_policy.map(Into::into),
            presence_policy: new.presence_policy.map(Into::into),
            findable_by_email: new.findable_by_email,
        };
        errors.into_result()?;
        Ok(Written(self.0.update_me(viewer.0.user_id, changes).await?.into()))
    }

    /// Find users
    ///
    /// With `query`: whose username or display name contains it, best match
    /// first, in pages; also who has exactly this email and allows to be found
    /// by it. With `ids`: those users, in the order asked, without the unknown
    /// ones. Exactly one of the two.
    #[oai(path = "/users", method = "get", operation_id = "list_users")]
    async fn list_users(
        &self,
        viewer: Authenticated,
        /// What the username or the display name contains: 1 to 100 characters.
        query: Query<Option<String>>,
        /// Up to 100 ids; repeat the parameter, or separate them by commas.
        ids: Query<Option<Vec<Uuid>>>,
        /// How many items the page may hold: 1 to 100, 50 when absent.
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<Option<i64>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Written<wire::UserPage>, Failure<ListUsers>> {
        let viewer = viewer.0.user_id;
        let page = match (query.0, ids.0) {
            (Some(query), None) => {
                self.0.search_users(viewer, &user_query(&query)?, page_request(limit.0, cursor.0)?).await?
            }
            (None, Some(ids)) => {
                // A list of ids is answered whole. Its `limit` does nothing, but
                // generated clients send the default of one.
                if cursor.0.is_some() {
                    return Err(Error::BadCursor.into());
                }
                if ids.len() > MAX_IDS {
                    return Err(invalid("ids", format!("must be at most {MAX_IDS}")).into());
                }
                let ids: Vec<_> = ids.into_iter().map(UserId::from_uuid).collect();
                Page { items: self.0.find_users(&ids).await?, next_cursor: None }
            }
            _ => {
                let message = "give exactly one of query, ids";
                return Err(invalid("query", message).field("ids", message).into());
            }
        };
        Ok(Written(wire::UserPage::of(page, Into::into)))
    }

    /// See a user
    ///
    /// With how they stand to the viewer.
    #[oai(path = "/users/:user_id", method = "get", operation_id = "get_user")]
    async fn user(
        &self,
        viewer: Authenticated,
        /// The user's id.
        user_id: Path<Uuid>,
    ) -> Result<Answer<wire::Profile>, Failure<GetUser>> {
        let profile = self.0.profile(viewer.0.user_id, UserId::from_uuid(user_id.0)).await?;
        Ok(Answer(wire::Profile::new(profile.user, profile.relationship, profile.mutual_friend_count)))
    }

    /// List mutual friends
    ///
    /// Users who are friends of both the viewer and the user, latest friend of
    /// the viewer first.
    #[oai(path = "/users/:user_id/mutual-friends", method = "get", operation_id = "list_mutual_friends")]
    async fn list_mutual_friends(
        &self,
        viewer: Authenticated,
        /// The user's id.
        user_id: Path<Uuid>,
        /// How many items the page may hold: 1 to 100, 50 when absent.
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<Option<i64>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Written<wire::UserPage>, Failure<ListMutualFriends>> {
        let page = page_request(limit.0, cursor.0)?;
        let page = self.0.list_mutual_friends(viewer.0.user_id, UserId::from_uuid(user_id.0), page).await?;
        Ok(Written(wire::UserPage::of(page, Into::into)))
    }
}

/// What a field of a PATCH asks for: nothing, to clear, or a value. A refused
/// value is noted by `keep`.
#[allow(clippy::option_option, reason = "absent, cleared or given, as core has it")]
fn cleared_or<T>(field: &MaybeUndefined<String>, keep: impl FnOnce(&str) -> Option<T>) -> Option<Option<T>> {
    match field {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(None),
        MaybeUndefined::Value(text) => Some(keep(text)),
    }
}
