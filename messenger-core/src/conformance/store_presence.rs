//! Between whom presence may show.

use super::failure::Outcome;
use super::store_friendships::{apply, befriend, block, request};
use super::world::World;
use super::{Case, isolated};
use crate::friendship::Visibility;
use crate::id::UserId;
use crate::store::{PresenceContact, StoreResult};
use crate::user::{PresencePolicy, User};

pub(super) const CASES: &[Case] = isolated!("store_presence":
    friends_and_fellow_members_are_contacts,
    a_contact_is_answered_once_for_each_user_asked,
    a_group_of_more_members_makes_no_contacts,
    a_direct_conversation_makes_no_contacts,
    a_request_makes_no_contacts,
    a_block_of_either_side_ends_it,
    a_contact_tells_the_policies_of_both,
    nobody_asked_is_nobody_answered,
);

async fn contacts(w: &World, users: &[&User], largest: i64) -> StoreResult<Vec<(UserId, UserId)>> {
    let ids: Vec<_> = users.iter().map(|user| user.id).collect();
    let found = w.read().await?.friendships().find_presence_contacts(&ids, largest).await?;
    let mut pairs: Vec<_> = found.iter().map(|contact| (contact.user_id, contact.other_id)).collect();
    pairs.sort_unstable();
    Ok(pairs)
}

fn sorted<const N: usize>(pairs: [(&User, &User); N]) -> Vec<(UserId, UserId)> {
    let mut pairs: Vec<_> = pairs.iter().map(|(user, other)| (user.id, other.id)).collect();
    pairs.sort_unstable();
    pairs
}

async fn friends_and_fellow_members_are_contacts(w: &World) -> Outcome {
    let [ada, bob, cleo, dan] = w.put_users(["ada", "bob", "cleo", "dan"]).await?;
    befriend(w, &ada, &bob).await?;
    w.put_group(&[&cleo, &ada]).await?;
    w.put_group(&[&cleo, &dan]).await?;
    assert_eq!(contacts(w, &[&ada], 50).await?, sorted([(&ada, &bob), (&ada, &cleo)]));
    assert_eq!(contacts(w, &[&bob], 50).await?, sorted([(&bob, &ada)]));
    Ok(())
}

async fn a_contact_is_answered_once_for_each_user_asked(w: &World) -> Outcome {
    let [ada, bob] = w.put_users(["ada", "bob"]).await?;
    befriend(w, &ada, &bob).await?;
    w.put_group(&[&ada, &bob]).await?;
    w.put_group(&[&bob, &ada]).await?;
    assert_eq!(contacts(w, &[&bob, &ada], 50).await?, sorted([(&ada, &bob), (&bob, &ada)]));
    Ok(())
}

async fn a_group_of_more_members_makes_no_contacts(w: &World) -> Outcome {
    let [ada, bob, cleo] = w.put_users(["ada", "bob", "cleo"]).await?;
    w.put_group(&[&ada, &bob, &cleo]).await?;
    assert_eq!(contacts(w, &[&ada], 2).await?, []);
    assert_eq!(contacts(w, &[&ada], 3).await?, sorted([(&ada, &bob), (&ada, &cleo)]));
    Ok(())
}

async fn a_direct_conversation_makes_no_contacts(w: &World) -> Outcome {
    let [ada, bob] = w.put_users(["ada", "bob"]).await?;
    let direct = w.put_direct(&ada, &bob).await?;
    assert_eq!((direct.members_count, contacts(w, &[&ada, &bob], 50).await?), (2, vec![]));
    Ok(())
}

async fn a_request_makes_no_contacts(w: &World) -> Outcome {
    let [ada, bob] = w.put_users(["ada", "bob"]).await?;
    apply(w, &ada, &bob, &[request(w, &ada, Visibility::Shown)]).await?;
    assert_eq!(contacts(w, &[&ada, &bob], 50).await?, []);
    Ok(())
}

async fn a_block_of_either_side_ends_it(w: &World) -> Outcome {
    let [ada, bob, cleo] = w.put_users(["ada", "bob", "cleo"]).await?;
    w.put_group(&[&ada, &bob, &cleo]).await?;
    apply(w, &ada, &bob, &[block(w, &ada)]).await?;
    apply(w, &ada, &cleo, &[block(w, &cleo)]).await?;
    assert_eq!(contacts(w, &[&ada, &bob, &cleo], 50).await?, sorted([(&bob, &cleo), (&cleo, &bob)]));
    Ok(())
}

async fn a_contact_tells_the_policies_of_both(w: &World) -> Outcome {
    let ada = User { presence_policy: PresencePolicy::Hidden, ..w.new_user("ada") };
    let bob = w.new_user("bob");
    w.put([&ada, &bob]).await?;
    befriend(w, &ada, &bob).await?;
    let (hidden, shared) = (PresencePolicy::Hidden, PresencePolicy::Shared);
    let of_ada = PresenceContact { user_id: ada.id, user_policy: hidden, other_id: bob.id, other_policy: shared };
    let of_bob = PresenceContact { user_id: bob.id, user_policy: shared, other_id: ada.id, other_policy: hidden };
    let mut snapshot = w.read().await?;
    assert_eq!(snapshot.friendships().find_presence_contacts(&[ada.id], 50).await?, [of_ada]);
    assert_eq!(snapshot.friendships().find_presence_contacts(&[bob.id], 50).await?, [of_bob]);
    Ok(())
}

async fn nobody_asked_is_nobody_answered(w: &World) -> Outcome {
    assert_eq!(contacts(w, &[], 50).await?, []);
    Ok(())
}
