//! Random histories of two users, checked against what each may know.

use proptest::prelude::*;
use uuid::Uuid;

use super::*;

#[derive(Debug, Clone, Copy)]
enum Action {
    Request,
    Accept,
    Decline,
    Cancel,
    Unfriend,
    Block,
    Unblock,
}

fn ada() -> UserId {
    UserId::from_uuid(Uuid::from_u128(1))
}

fn bob() -> UserId {
    UserId::from_uuid(Uuid::from_u128(2))
}

fn strangers() -> PairState {
    PairState::strangers(UserPair::try_new(ada(), bob()).expect("two users"))
}

fn at(step: usize) -> Timestamp {
    Timestamp::from_millis(i64::try_from(step).expect("histories are short"))
}

fn act(state: &PairState, actor: UserId, action: Action, now: Timestamp) -> Result<Transition, Refusal> {
    match action {
        Action::Request => state.request(actor, now).map(|(_, transition)| transition),
        Action::Accept => state.accept(actor, now),
        Action::Decline => state.decline(actor),
        Action::Cancel => state.cancel(actor),
        Action::Unfriend => state.unfriend(),
        Action::Block => Ok(state.block(actor, now)),
        Action::Unblock => Ok(state.unblock(actor)),
    }
}

fn any_history() -> impl Strategy<Value = Vec<(bool, Action)>> {
    let action = prop_oneof![
        Just(Action::Request),
        Just(Action::Accept),
        Just(Action::Decline),
        Just(Action::Cancel),
        Just(Action::Unfriend),
        Just(Action::Block),
        Just(Action::Unblock),
    ];
    prop::collection::vec((any::<bool>(), action), 0..40)
}

proptest! {
    /// Every write fits the state that it meets, so a store's constraints can
    /// never refuse it.
    #[test]
    fn every_change_fits_the_state_it_meets(history in any_history()) {
        let mut state = strangers();
        for (step, (by_ada, action)) in history.into_iter().enumerate() {
            let actor = if by_ada { ada() } else { bob() };
            let Ok(transition) = act(&state, actor, action, at(step)) else { continue };
            for change in &transition.changes {
                let fits = match change {
                    PairChange::InsertRequest(_) | PairChange::InsertFriendship { .. } => state.bond == Bond::None,
                    PairChange::HideRequest | PairChange::DeleteRequest => matches!(state.bond, Bond::Requested(_)),
                    PairChange::DeleteFriendship => state.friends_since().is_some(),
                    PairChange::InsertBlock { blocker, .. } => state.blocked_since(*blocker).is_none(),
                    PairChange::DeleteBlock { blocker } => state.blocked_since(*blocker).is_some(),
                };
                prop_assert!(fits, "{change:?} in {state:?}");
                state = state.after(&[*change]);
            }
        }
    }

    /// Friends never block each other, and a blocker has no request out.
    #[test]
    fn a_block_excludes_friendship_and_the_blockers_own_request(history in any_history()) {
        let mut state = strangers();
        for (step, (by_ada, action)) in history.into_iter().enumerate() {
            let actor = if by_ada { ada() } else { bob() };
            if let Ok(transition) = act(&state, actor, action, at(step)) {
                state = state.after(&transition.changes);
            }
            if state.friends_since().is_some() {
                prop_assert!(!state.is_blocked_either_way());
            }
            if let Bond::Requested(request) = state.bond {
                prop_assert!(state.blocked_since(request.requester).is_none());
                if state.blocked_since(state.pair.other(request.requester)).is_some() {
                    prop_assert_eq!(request.visibility, Visibility::Hidden);
                }
            }
        }
    }

    /// The blocked learn nothing: the same actions of the blocked get the same
    /// answers and the same events from a blocker as from a stranger who never
    /// answers.
    #[test]
    fn a_blocker_looks_like_a_stranger_who_never_answers(
        actions in prop::collection::vec(prop_oneof![
            Just(Action::Request), Just(Action::Cancel), Just(Action::Accept), Just(Action::Decline), Just(Action::Unfriend),
        ], 0..20)
    ) {
        let mut stranger = strangers();
        let mut blocker = strangers();
        blocker = blocker.after(&blocker.block(bob(), at(0)).changes);
        for (step, action) in actions.into_iter().enumerate() {
            let now = at(step + 1);
            let as_stranger = act(&stranger, ada(), action, now);
            let as_blocked = act(&blocker, ada(), action, now);
            let seen = |result: &Result<Transition, Refusal>| {
                result.as_ref().map_err(Clone::clone).map(|transition| {
                    let mine = |(audience, _): &&(Audience, Fact)| *audience == Audience::User(ada());
                    transition.facts.iter().filter(mine).copied().collect::<Vec<_>>()
                })
            };
            prop_assert_eq!(seen(&as_stranger), seen(&as_blocked));
            if let (Ok(one), Ok(other)) = (as_stranger, as_blocked) {
                stranger = stranger.after(&one.changes);
                blocker = blocker.after(&other.changes);
            }
            prop_assert_eq!(stranger.relationship(ada()), blocker.relationship(ada()));
            let told = blocker.relationship(bob());
            prop_assert_eq!(told, Relationship::Blocked);
        }
    }

    /// What each user is told adds up to what each user sees.
    #[test]
    fn events_follow_what_each_side_sees(history in any_history()) {
        let mut state = strangers();
        let mut told = [Relationship::None; 2];
        let mut blocks = [false; 2];
        for (step, (by_ada, action)) in history.into_iter().enumerate() {
            let actor = if by_ada { ada() } else { bob() };
            let Ok(transition) = act(&state, actor, action, at(step)) else { continue };
            state = state.after(&transition.changes);
            for (audience, fact) in transition.facts {
                let Audience::User(user) = audience else { panic!("pairs tell users only") };
                let index = usize::from(user == bob());
                match fact {
                    Fact::FriendRequestReceived { .. } => told[index] = Relationship::IncomingRequest,
                    Fact::FriendRequestSent { .. } => told[index] = Relationship::OutgoingRequest,
                    Fact::FriendRequestClosed { .. } | Fact::FriendshipEnded { .. } => told[index] = Relationship::None,
                    Fact::FriendshipStarted { .. } => told[index] = Relationship::Friends,
                    Fact::BlockAdded { .. } => blocks[index] = true,
                    Fact::BlockRemoved { .. } => blocks[index] = false,
                    other => panic!("{other:?} is not about a pair"),
                }
            }
            for (index, user) in [ada(), bob()].into_iter().enumerate() {
                let expected = if blocks[index] { Relationship::Blocked } else { told[index] };
                prop_assert_eq!(state.relationship(user), expected, "for {:?}", user);
            }
        }
    }
}

#[test]
fn a_hidden_request_stays_hidden_after_the_unblock() {
    let mut state = strangers();
    state = state.after(&state.block(bob(), at(1)).changes);
    let (outcome, transition) = state.request(ada(), at(2)).expect("a request to a blocker is taken");
    assert_eq!(outcome, RequestOutcome::Pending);
    state = state.after(&transition.changes);
    state = state.after(&state.unblock(bob()).changes);
    assert_eq!(state.relationship(bob()), Relationship::None);
    assert_eq!(state.relationship(ada()), Relationship::OutgoingRequest);
    assert_eq!(state.accept(bob(), at(3)), Err(Refusal::FriendRequestNotFound));
}

#[test]
fn crossing_requests_make_a_friendship() {
    let mut state = strangers();
    state = state.after(&state.request(ada(), at(1)).expect("strangers").1.changes);
    let (outcome, transition) = state.request(bob(), at(2)).expect("crossing");
    assert_eq!(outcome, RequestOutcome::Friends);
    assert_eq!(state.after(&transition.changes).friends_since(), Some(at(2)));
}

#[test]
fn the_blocker_who_asks_is_told_so() {
    let state = strangers();
    let state = state.after(&state.block(ada(), at(1)).changes);
    assert_eq!(state.request(ada(), at(2)).map(|_| ()), Err(Refusal::BlockedByYou));
}
