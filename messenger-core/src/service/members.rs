//! Who is in a group, and what they may do there.

use crate::Messenger;
use crate::change::Change;
use crate::clock::Timestamp;
use crate::conversation::{Conversation, MAX_GROUP_MEMBERS, Membership, Role};
use crate::error::{InvalidValue, Refusal, Result};
use crate::event::{Audience, Fact};
use crate::id::{ConversationId, UserId};
use crate::page::{ListScope, Page, PageRequest};
use crate::service::conversations::{check_friends, lock_own, touch};
use crate::service::users::find_user;
use crate::service::views::find_own;
use crate::user::User;

/// A member of a conversation, as the other members see them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub user: User,
    /// What they may do.
    pub role: Role,
    /// Since when.
    pub joined_at: Timestamp,
}

impl Member {
    pub(crate) fn of(user: User, membership: &Membership) -> Self {
        Self { user, role: membership.role, joined_at: membership.joined_at }
    }
}

impl Messenger {
    /// The members of a conversation of the viewer's, longest standing first.
    pub async fn list_members(&self, viewer: UserId, id: ConversationId, page: PageRequest) -> Result<Page<Member>> {
        let scope = ListScope::new("members", &[viewer.as_uuid().as_bytes(), id.as_uuid().as_bytes()]);
        let slice = scope.slice(&page)?;
        let mut snapshot = self.read().await?;
        find_own(&mut snapshot, id, viewer).await?;
        let rows = snapshot.conversations().list_members(id, slice).await?;
        Ok(scope.page(rows, |(user, membership)| Member::of(user, &membership)))
    }

    /// Adds a friend of the viewer's to a group; owner and admins may.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFriends`] for whoever is not a friend of the viewer,
    /// unknown and blocked users alike; [`Refusal::AlreadyMember`];
    /// [`Refusal::GroupFull`] at [`MAX_GROUP_MEMBERS`].
    pub async fn add_member(&self, viewer: UserId, id: ConversationId, user: UserId) -> Result<Member> {
        self.transact(|mut change| async move {
            let users = change.users().lock_users(&[viewer, user]).await?;
            let (mut conversation, own) = lock_group(&mut change, id, viewer).await?;
            if !own.role.may_manage() {
                return Err(Refusal::NotAllowed.into());
            }
            if !change.conversations().find_memberships(&[(id, user)]).await?.is_empty() {
                return Err(Refusal::AlreadyMember.into());
            }
            check_friends(&mut change, viewer, &[user]).await?;
            if conversation.members_count >= MAX_GROUP_MEMBERS {
                return Err(Refusal::GroupFull.into());
            }
            let added = users.into_iter().find(|found| found.id == user).ok_or(Refusal::NotFriends(vec![user]))?;
            let membership = Membership::joining(&conversation, user, Role::Member, change.now());
            conversation.members_count += 1;
            touch(&mut conversation, &change);
            change.conversations().insert_memberships(std::slice::from_ref(&membership)).await?;
            change.conversations().update_conversations(&[conversation]).await?;
            let fact = Fact::MemberAdded { conversation_id: id, user_id: user };
            change.record(viewer, Audience::Conversation(id), fact);
            record_count(&mut change, viewer, id);
            change.done(Member::of(added, &membership))
        })
        .await
    }

    /// Gives a member another role; the owner may. Making another the owner
    /// hands the group over: the old owner becomes an admin, in one commit.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotAllowed`], [`Refusal::MemberNotFound`],
    /// [`Refusal::NotAGroup`]; invalid `role` for the owner's own.
    pub async fn change_role(&self, viewer: UserId, id: ConversationId, user: UserId, role: Role) -> Result<Member> {
        self.transact(|mut change| async move {
            let (_, mut own) = lock_group(&mut change, id, viewer).await?;
            if !own.role.may_appoint() {
                return Err(Refusal::NotAllowed.into());
            }
            let mut target = find_member(&mut change, id, user).await?;
            let found = find_user(change.users(), user).await?;
            if target.role == role {
                return change.done(Member::of(found, &target));
            }
            if user == viewer {
                let message = "the owner hands over by making another member the owner";
                return Err(InvalidValue::new(message).at("role").into());
            }
            target.role = role;
            let mut changed = vec![target.clone()];
            if role == Role::Owner {
                own.role = Role::Admin;
                changed.push(own);
            }
            change.conversations().update_memberships(&changed).await?;
            for membership in &changed {
                let fact = Fact::MemberUpdated { conversation_id: id, user_id: membership.user_id };
                change.record(viewer, Audience::Conversation(id), fact);
            }
            change.done(Member::of(found, &target))
        })
        .await
    }

    /// Removes a member from a group: the owner anyone, admins members.
    /// Removing oneself is leaving.
    pub async fn remove_member(&self, viewer: UserId, id: ConversationId, user: UserId) -> Result<()> {
        if user == viewer {
            return self.leave_conversation(viewer, id).await;
        }
        self.transact(|mut change| async move {
            let (conversation, own) = lock_group(&mut change, id, viewer).await?;
            let target = find_member(&mut change, id, user).await?;
            if !own.role.may_remove(target.role) {
                return Err(Refusal::NotAllowed.into());
            }
            remove(&mut change, viewer, conversation, user).await?;
            change.done(())
        })
        .await
    }

    /// Leaves a group. An owner who leaves hands over to the longest standing
    /// admin, else member; a group without members is gone.
    pub async fn leave_conversation(&self, viewer: UserId, id: ConversationId) -> Result<()> {
        self.transact(|mut change| async move {
            let (conversation, own) = lock_group(&mut change, id, viewer).await?;
            let successor = match own.role {
                Role::Owner => find_successor(&mut change, id, viewer).await?,
                Role::Admin | Role::Member => None,
            };
            if let Some(mut successor) = successor {
                successor.role = Role::Owner;
                let fact = Fact::MemberUpdated { conversation_id: id, user_id: successor.user_id };
                change.conversations().update_memberships(&[successor]).await?;
                change.record(viewer, Audience::Conversation(id), fact);
            }
            remove(&mut change, viewer, conversation, viewer).await?;
            change.done(())
        })
        .await
    }
}

/// Locks a conversation in which the viewer is a member and which is a group.
async fn lock_group(change: &mut Change, id: ConversationId, viewer: UserId) -> Result<(Conversation, Membership)> {
    let (conversation, own) = lock_own(change, id, viewer).await?;
    if conversation.is_group() { Ok((conversation, own)) } else { Err(Refusal::NotAGroup.into()) }
}

async fn find_member(change: &mut Change, id: ConversationId, user: UserId) -> Result<Membership> {
    let found = change.conversations().find_memberships(&[(id, user)]).await?.pop();
    Ok(found.ok_or(Refusal::MemberNotFound)?)
}

async fn find_successor(change: &mut Change, id: ConversationId, owner: UserId) -> Result<Option<Membership>> {
    for role in [Role::Admin, Role::Member] {
        let found = change.conversations().find_longest_standing(id, role, owner).await?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// Takes a member out and tells both the conversation and the one removed, who
/// is no longer in its audience (I7).
async fn remove(change: &mut Change, actor: UserId, mut conversation: Conversation, user: UserId) -> Result<()> {
    let id = conversation.id;
    let fact = Fact::MemberRemoved { conversation_id: id, user_id: user };
    change.conversations().delete_membership(id, user).await?;
    conversation.members_count -= 1;
    if conversation.members_count == 0 {
        change.conversations().delete_conversation(id).await?;
    } else {
        touch(&mut conversation, change);
        change.conversations().update_conversations(&[conversation]).await?;
        change.record(actor, Audience::Conversation(id), fact);
        record_count(change, actor, id);
    }
    change.record(actor, Audience::User(user), fact);
    Ok(())
}

/// Tells how many members there are now: an absolute number, so that seeing it
/// twice does no harm, as counting along would.
fn record_count(change: &mut Change, actor: UserId, id: ConversationId) {
    change.record(actor, Audience::Conversation(id), Fact::ConversationUpdated { conversation_id: id });
}
