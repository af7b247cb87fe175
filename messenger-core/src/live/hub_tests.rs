//! Who is handed what, when connections come while a batch is made.

use std::sync::Arc;

use uuid::Uuid;

use super::{Addressed, Hub, Item, Registration, Signals};
use crate::clock::Timestamp;
use crate::cursor::{Place, Places};
use crate::delivery::{Delivery, Rendering};
use crate::event::{Audience, Event, Fact, NewEvent, Partition, Position};
use crate::id::UserId;

fn hub() -> Arc<Hub> {
    Arc::new(Hub::new(1, Places::default(), Arc::default()))
}

fn user(n: u128) -> UserId {
    UserId::from_uuid(Uuid::from_u128(n))
}

fn connect(hub: &Arc<Hub>, user: UserId) -> Registration {
    hub.register(user, None, Signals::Unwanted)
}

fn addressed_to(receivers: &[UserId]) -> Addressed {
    let fact = Fact::UserUpdated { user_id: user(9) };
    let at = Timestamp::from_millis(0);
    let event = NewEvent { audience: Audience::Acquaintances(user(9)), fact, at, actor_id: user(9), tag: 1 };
    let event = Event { partition: Partition::from_stored(0), position: Position::from_stored(1), event };
    let delivery = Delivery { event, data: None, rendering: Rendering::default() };
    Addressed { delivery: Arc::new(delivery), receivers: receivers.to_vec() }
}

fn after_it() -> Places {
    let mut places = Places::default();
    places.set(Partition::from_stored(0), Place { position: Position::from_stored(1), tag: 1 });
    places
}

fn received(registration: &mut Registration) -> usize {
    std::iter::from_fn(|| registration.queue.try_recv().ok()).filter(|item| matches!(item, Item::Event(_))).count()
}

#[test]
fn only_the_connected_remain_receivers() {
    let hub = hub();
    let _ada = connect(&hub, user(1));
    let mut receivers = [vec![user(1), user(2)], vec![user(2)]];
    hub.keep_connected(&mut receivers);
    assert_eq!(receivers, [vec![user(1)], vec![]]);
}

#[test]
fn a_batch_is_not_handed_out_past_who_came_while_it_was_made() {
    let hub = hub();
    let mut ada = connect(&hub, user(1));
    let mut receivers = [vec![user(1), user(2)]];
    let as_of = hub.keep_connected(&mut receivers);
    let mut bob = connect(&hub, user(2));

    assert!(!hub.dispatch(&[addressed_to(&receivers[0])], &after_it(), Some(as_of)));
    assert_eq!((received(&mut ada), received(&mut bob)), (0, 0));
    assert_eq!(hub.places().1, Places::default(), "who came expects all that is after this");

    assert!(hub.dispatch(&[addressed_to(&[user(1), user(2)])], &after_it(), None));
    assert_eq!((received(&mut ada), received(&mut bob)), (1, 1));
    assert_eq!(hub.places().1, after_it());
}

#[test]
fn a_batch_is_handed_out_also_when_someone_left_meanwhile() {
    let hub = hub();
    let mut ada = connect(&hub, user(1));
    let bob = connect(&hub, user(2));
    let as_of = hub.keep_connected(&mut [vec![user(1), user(2)]]);
    drop(bob);
    assert!(hub.dispatch(&[addressed_to(&[user(1), user(2)])], &after_it(), Some(as_of)));
    assert_eq!(received(&mut ada), 1);
}

#[tokio::test]
async fn the_first_connection_is_company() {
    let hub = hub();
    assert!(hub.is_alone());
    let ada = connect(&hub, user(1));
    hub.company().await;
    assert!(!hub.is_alone());
    drop(ada);
    assert!(hub.is_alone());
}
