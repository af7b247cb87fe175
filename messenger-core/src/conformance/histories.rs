//! Random histories of six users, and what their clients make of the events.

use std::time::Duration;

use tokio::time::timeout;

use super::doubles::SeededIds;
use super::failure::{Failure, Outcome};
use super::replica::Replica;
use super::world::{Nodes, World};
use super::{Case, isolated, own_database};
use crate::conversation::Role;
use crate::conversation::Title;
use crate::error::Error;
use crate::id::{ConversationId, MessageId, UserId};
use crate::live::{Ended, Subscription, Update};
use crate::message::{ClientId, MessageBody, Seq};
use crate::page::Limit;
use crate::service::conversations::{ConversationChanges, NewGroup};
use crate::service::events::Progress;
use crate::service::messages::Draft;
use crate::service::users::{NewUser, UserChanges};
use crate::user::{DisplayName, DmPolicy, Username};

/// How many users a history has.
const USERS: usize = 6;
/// How many histories each case goes through: with the four cases and two
/// stores, 200 in a run.
const HISTORIES: usize = 25;
/// How many things they do.
const STEPS: usize = 200;

pub(super) const CASES: &[Case] = isolated!("histories":
    replay_in_one_go_shows_what_a_snapshot_shows,
    replay_in_random_chunks_shows_what_a_snapshot_shows,
);

pub(super) const LIVE_CASES: &[Case] = own_database!("histories":
    live_with_random_disconnects_shows_what_a_snapshot_shows,
    live_on_another_node_shows_what_a_snapshot_shows,
);

/// Six users who do random things.
struct History {
    world: World,
    random: SeededIds,
    users: Vec<UserId>,
    conversations: Vec<ConversationId>,
    messages: Vec<(ConversationId, MessageId)>,
}

async fn replay_in_one_go_shows_what_a_snapshot_shows(world: &World) -> Outcome {
    for number in 0..HISTORIES {
        replay_in_one_go(world, number).await?;
    }
    Ok(())
}

async fn replay_in_one_go(world: &World, number: usize) -> Outcome {
    let mut history = History::begin(world, number).await?;
    let mut replicas = history.replicas(world).await?;
    for _ in 0..STEPS {
        history.step().await?;
    }
    for replica in &mut replicas {
        catch_up(world, replica, || Limit::MAX).await?;
    }
    compare(world, &replicas).await
}

async fn replay_in_random_chunks_shows_what_a_snapshot_shows(world: &World) -> Outcome {
    for number in 0..HISTORIES {
        replay_in_random_chunks(world, number).await?;
    }
    Ok(())
}

async fn replay_in_random_chunks(world: &World, number: usize) -> Outcome {
    let mut history = History::begin(world, number).await?;
    let mut replicas = history.replicas(world).await?;
    for _ in 0..STEPS {
        history.step().await?;
        let one = history.pick(USERS);
        let chunk = 1 + history.pick(5);
        follow(world, &mut replicas[one], u32::try_from(chunk).unwrap_or(1)).await?;
    }
    for replica in &mut replicas {
        catch_up(world, replica, || 1 + u32::try_from(history.pick(7)).unwrap_or(0)).await?;
    }
    compare(world, &replicas).await
}

async fn live_with_random_disconnects_shows_what_a_snapshot_shows(nodes: &Nodes) -> Outcome {
    let node = nodes.start().await?;
    for number in 0..HISTORIES {
        live(&node, &node, number).await?;
    }
    Ok(())
}

async fn live_on_another_node_shows_what_a_snapshot_shows(nodes: &Nodes) -> Outcome {
    let (actors, clients) = (nodes.start().await?, nodes.start().await?);
    for number in 0..HISTORIES {
        live(&actors, &clients, number).await?;
    }
    Ok(())
}

/// The users act on one node; their clients are connected to another, come and
/// go, and in the end have seen everything.
async fn live(actors: &World, clients: &World, number: usize) -> Outcome {
    let mut history = History::begin(actors, number).await?;
    let mut replicas = history.replicas(clients).await?;
    let mut subscriptions: Vec<Option<Subscription>> = (0..USERS).map(|_| None).collect();
    for _ in 0..STEPS {
        history.step().await?;
        let one = history.pick(USERS);
        match history.pick(6) {
            0 => subscriptions[one] = None,
            1 | 2 if subscriptions[one].is_none() => {
                let subscription = clients.messenger.subscribe(replicas[one].cursor.clone()).await?;
                subscriptions[one] = Some(subscription);
            }
            _ => {
                if let Some(subscription) = &mut subscriptions[one] {
                    let patience = Duration::from_micros(u64::try_from(history.pick(2_000)).unwrap_or(0));
                    listen(subscription, &mut replicas[one], patience).await?;
                }
            }
        }
    }
    for (replica, subscription) in replicas.iter_mut().zip(subscriptions) {
        // One that is still connected gets a last look at what is queued.
        if let Some(mut subscription) = subscription {
            listen(&mut subscription, replica, Duration::from_millis(5)).await?;
        }
        let mut last = clients.messenger.subscribe(replica.cursor.clone()).await?;
        loop {
            match last.next().await? {
                Update::Event(delivery) => replica.apply(&delivery).await?,
                Update::CaughtUp => break,
                Update::Heartbeat | Update::Signal(_) => {}
            }
            replica.cursor = last.cursor();
        }
        // What the other node's tailer has not reached yet.
        catch_up(clients, replica, || Limit::MAX).await?;
    }
    compare(clients, &replicas).await
}

/// Shows whatever comes until nothing comes for a while.
async fn listen(subscription: &mut Subscription, replica: &mut Replica, patience: Duration) -> Outcome {
    loop {
        match timeout(patience, subscription.next()).await {
            Err(_) => return Ok(()),
            Ok(Ok(Update::Event(delivery))) => replica.apply(&delivery).await?,
            Ok(Ok(Update::CaughtUp | Update::Heartbeat | Update::Signal(_))) => {}
            Ok(Err(Ended::Closed(reason))) => panic!("closed: {reason:?}"),
            Ok(Err(Ended::Failed(error))) => return Err(error.into()),
        }
        replica.cursor = subscription.cursor();
    }
}

/// Shows one page of events.
async fn follow(world: &World, replica: &mut Replica, limit: u32) -> Result<Progress, Failure> {
    let limit = Limit::parse(limit.into())?;
    let page = world.messenger.events_after(replica.cursor.user_id, &replica.cursor, limit).await?;
    for delivery in &page.events {
        replica.apply(delivery).await?;
    }
    replica.cursor = page.cursor;
    Ok(page.caught_up)
}

async fn catch_up(world: &World, replica: &mut Replica, mut limit: impl FnMut() -> u32) -> Outcome {
    while follow(world, replica, limit()).await? == Progress::MoreToCome {}
    Ok(())
}

async fn compare(world: &World, replicas: &[Replica]) -> Outcome {
    for replica in replicas {
        let fresh = Replica::new(&world.messenger, replica.cursor.user_id).await?;
        assert_eq!(replica.seen(), fresh.seen(), "what {} shows", replica.cursor.user_id);
    }
    Ok(())
}

impl History {
    async fn begin(world: &World, number: usize) -> Result<Self, Failure> {
        let mut users = Vec::new();
        for user in 0..USERS {
            let username = Username::parse(&format!("user{user}.of{number}"))?;
            let new = NewUser { id: None, username, display_name: None, email: None };
            users.push(world.messenger.ensure_user(new).await?.id);
        }
        let random = SeededIds::new(world.ids.next_u64());
        let mut history = Self { world: world.clone(), random, users, conversations: vec![], messages: vec![] };
        // Something to begin with, so that snapshots are not empty.
        for _ in 0..STEPS / 4 {
            history.step().await?;
        }
        Ok(history)
    }

    async fn replicas(&self, world: &World) -> Result<Vec<Replica>, Failure> {
        let mut replicas = Vec::new();
        for user in &self.users {
            replicas.push(Replica::new(&world.messenger, *user).await?);
        }
        Ok(replicas)
    }

    fn pick(&self, count: usize) -> usize {
        let count = u64::try_from(count).unwrap_or(1).max(1);
        usize::try_from(self.random.next_u64() % count).unwrap_or(0)
    }

    fn user(&self) -> UserId {
        self.users[self.pick(USERS)]
    }

    /// One random thing. The rules may refuse it; nothing else may happen.
    async fn step(&mut self) -> Outcome {
        self.world.clock.tick();
        match self.act().await {
            Ok(()) | Err(Error::Refused(_) | Error::Invalid(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    async fn act(&mut self) -> Result<(), Error> {
        let messenger = self.world.messenger.clone();
        let (actor, other) = (self.user(), self.user());
        match self.pick(100) {
            0..10 => messenger.request_friendship(actor, other).await.map(drop),
            10..16 => messenger.accept_friend_request(actor, other).await.map(drop),
            16 => messenger.decline_friend_request(actor, other).await,
            17 => messenger.cancel_friend_request(actor, other).await,
            18 => messenger.unfriend(actor, other).await,
            19..21 => messenger.block(actor, other).await,
            21..24 => messenger.unblock(actor, other).await,
            24..28 => {
                let opened = messenger.open_direct_conversation(actor, other).await?;
                self.conversations.push(opened.into_view().conversation.id);
                Ok(())
            }
            28..31 => {
                let member_ids = vec![other, self.user()];
                let new = NewGroup { title: Title::parse("Crew")?, member_ids, client_id: None };
                let opened = messenger.create_group(actor, new).await?;
                self.conversations.push(opened.into_view().conversation.id);
                Ok(())
            }
            31..34 => {
                let changes = UserChanges {
                    display_name: Some(DisplayName::parse(&format!("Name {}", self.pick(1_000)))?),
                    dm_policy: Some(if self.pick(2) == 0 { DmPolicy::Friends } else { DmPolicy::Everyone }),
                    ..UserChanges::default()
                };
                messenger.update_me(actor, changes).await.map(drop)
            }
            _ if self.conversations.is_empty() => Ok(()),
            _ => self.act_in_conversation(actor, other).await,
        }
    }

    async fn act_in_conversation(&mut self, actor: UserId, other: UserId) -> Result<(), Error> {
        let messenger = self.world.messenger.clone();
        let conversation = self.conversations[self.pick(self.conversations.len())];
        let any_message = self.messages.get(self.pick(self.messages.len())).copied();
        match self.pick(66) {
            0..4 => {
                let title = Some(Title::parse(&format!("Crew {}", self.pick(1_000)))?);
                messenger.update_conversation(actor, conversation, ConversationChanges { title }).await.map(drop)
            }
            4..9 => messenger.add_member(actor, conversation, other).await.map(drop),
            9..12 => {
                let role = [Role::Member, Role::Admin, Role::Owner][self.pick(3)];
                messenger.change_role(actor, conversation, other, role).await.map(drop)
            }
            12..15 => messenger.remove_member(actor, conversation, other).await,
            15..17 => messenger.leave_conversation(actor, conversation).await,
            17..45 => {
                let reply_to = any_message.filter(|(place, _)| *place == conversation).map(|(_, id)| id);
                let client_id = Some(ClientId::parse(&format!("c{}", self.pick(40)))?);
                let body = MessageBody::parse(&format!("says {}", self.pick(1_000)))?;
                let sent = messenger.send_message(actor, conversation, Draft { body, client_id, reply_to }).await?;
                self.messages.push((conversation, sent.into_message().id));
                Ok(())
            }
            45..60 => {
                let seq = Seq::parse(i64::try_from(self.pick(12)).unwrap_or(0))?;
                messenger.mark_read(actor, conversation, seq).await.map(drop)
            }
            choice => {
                let Some((conversation, id)) = any_message else { return Ok(()) };
                if choice < 63 {
                    let body = MessageBody::parse(&format!("rather {}", self.pick(1_000)))?;
                    messenger.edit_message(actor, conversation, id, body).await.map(drop)
                } else {
                    messenger.delete_message(actor, conversation, id).await
                }
            }
        }
    }
}
