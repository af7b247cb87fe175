//! Conversations. Memberships are in `memberships`, under the same traits.

use async_trait::async_trait;
use messenger_core::conversation::{Conversation, ConversationKind, Group, Membership, Role, Title};
use messenger_core::friendship::UserPair;
use messenger_core::id::{ConversationId, UserId};
use messenger_core::message::{ClientId, PayloadHash, Seq};
use messenger_core::page::{Rows, Slice, TimeKey};
use messenger_core::store::{
    AudienceMember, ConversationQueries, ConversationRepository, ConversationStream, StoreResult, UniqueKey,
};
use messenger_core::user::User;
use uuid::Uuid;

use crate::link::Link;
use crate::memberships::{membership_columns, read_membership};
use crate::pairs::push_pairs;
use crate::sql::{CHUNK, Columns, Script, Sql, last_of_each, sorted_ids, unreadable};

/// The columns that [`read_conversation`] reads, of a table called `c`.
macro_rules! conversation_columns {
    () => {
        "c.id, c.kind, c.direct_low, c.direct_high, c.title, c.created_by, c.client_id, c.creation_hash, \
         c.members_count, c.last_seq, c.created_at, c.updated_at"
    };
}

/// Reads [`conversation_columns`].
pub(crate) fn read_conversation(row: &mut Columns<'_>) -> StoreResult<Conversation> {
    Ok(Conversation {
        id: ConversationId::from_uuid(row.id()?),
        kind: read_kind(row)?,
        members_count: row.take()?,
        last_seq: Seq::from_stored(row.take()?),
        created_at: row.time()?,
        updated_at: row.time()?,
    })
}

fn read_kind(row: &mut Columns<'_>) -> StoreResult<ConversationKind> {
    let kind: &str = row.take()?;
    let pair = row.optional_id()?.zip(row.optional_id()?);
    let title = row.take::<Option<String>>()?.map(Title::from_stored);
    let created_by = row.optional_id()?.map(UserId::from_uuid);
    let client_id = read_client_id(row)?;
    let creation_hash = row.optional_hash()?.map(PayloadHash::from_stored);
    match (kind, pair, title, created_by) {
        ("direct", Some((low, high)), None, None) => UserPair::try_new(UserId::from_uuid(low), UserId::from_uuid(high))
            .map(ConversationKind::Direct)
            .ok_or_else(unreadable("pair")),
        ("group", None, Some(title), Some(created_by)) => {
            Ok(ConversationKind::Group(Group { title, created_by, creation: client_id.zip(creation_hash) }))
        }
        _ => Err(unreadable("kind of conversation")()),
    }
}

/// Reads a client id, which is kept as bytes: to text, both servers would add
/// that "a" is "a ".
pub(crate) fn read_client_id(row: &mut Columns<'_>) -> StoreResult<Option<ClientId>> {
    let bytes: Option<Vec<u8>> = row.take()?;
    let text = bytes.map(String::from_utf8).transpose().map_err(|_| unreadable("client id")())?;
    Ok(text.map(ClientId::from_stored))
}

#[async_trait]
impl ConversationQueries for Link {
    async fn find_conversations(&mut self, ids: &[ConversationId]) -> StoreResult<Vec<Conversation>> {
        let mut conversations = Vec::new();
        for ids in sorted_ids(ids.iter().map(|id| id.as_uuid())).chunks(CHUNK) {
            let mut sql =
                Sql::new(concat!("SELECT ", conversation_columns!(), " FROM conversations c WHERE c.id IN ("));
            sql.ids(ids).text(")");
            conversations.extend(self.all(sql, read_conversation).await?);
        }
        Ok(conversations)
    }

    async fn find_direct_conversation(&mut self, pair: UserPair) -> StoreResult<Option<Conversation>> {
        let mut sql =
            Sql::new(concat!("SELECT ", conversation_columns!(), " FROM conversations c WHERE c.direct_low = "));
        sql.id(pair.low().as_uuid()).text(" AND c.direct_high = ").id(pair.high().as_uuid());
        self.optional(sql, read_conversation).await
    }

    async fn find_group_by_client_id(
        &mut self,
        creator: UserId,
        client_id: &ClientId,
    ) -> StoreResult<Option<Conversation>> {
        let mut sql =
            Sql::new(concat!("SELECT ", conversation_columns!(), " FROM conversations c WHERE c.created_by = "));
        sql.id(creator.as_uuid()).then(" AND c.client_id = ", client_id.as_str().as_bytes());
        self.optional(sql, read_conversation).await
    }

    async fn find_direct_conversation_ids(&mut self, user: UserId) -> StoreResult<Vec<ConversationId>> {
        // A user is either the lower or the higher of a pair, never both.
        let mut sql = Sql::new("SELECT id FROM conversations WHERE direct_low = ");
        sql.id(user.as_uuid());
        sql.text(" UNION ALL SELECT id FROM conversations WHERE direct_high = ").id(user.as_uuid());
        sql.text(" ORDER BY id");
        self.all(sql, |row| row.id().map(ConversationId::from_uuid)).await
    }

    async fn find_memberships(&mut self, keys: &[(ConversationId, UserId)]) -> StoreResult<Vec<Membership>> {
        self.memberships_of(keys).await
    }

    async fn find_own_conversation(
        &mut self,
        id: ConversationId,
        user: UserId,
    ) -> StoreResult<Option<(Conversation, Membership)>> {
        let mut sql = Sql::new(concat!(
            "SELECT ",
            conversation_columns!(),
            ", ",
            membership_columns!(),
            " FROM memberships m JOIN conversations c ON c.id = m.conversation_id WHERE m.conversation_id = "
        ));
        sql.id(id.as_uuid()).text(" AND m.user_id = ").id(user.as_uuid());
        self.optional(sql, |row| Ok((read_conversation(row)?, read_membership(row)?))).await
    }

    async fn list_conversations(
        &mut self,
        user: UserId,
        slice: Slice<TimeKey>,
    ) -> StoreResult<Rows<(Conversation, Membership), TimeKey>> {
        let mut sql = Sql::new(concat!(
            "SELECT ",
            conversation_columns!(),
            ", ",
            membership_columns!(),
            " FROM memberships m JOIN conversations c ON c.id = m.conversation_id WHERE m.user_id = "
        ));
        sql.id(user.as_uuid())
            .before(slice.after, "c.updated_at", "c.id")
            .text(" ORDER BY c.updated_at DESC, c.id DESC")
            .limit_for_page(slice.limit);
        let rows = self.all(sql, |row| Ok((read_conversation(row)?, read_membership(row)?))).await?;
        Ok(Rows::cut(rows, slice.limit, |(conversation, _)| TimeKey {
            at: conversation.updated_at,
            id: conversation.id.as_uuid(),
        }))
    }

    async fn list_members(
        &mut self,
        conversation: ConversationId,
        slice: Slice<TimeKey>,
    ) -> StoreResult<Rows<(User, Membership), TimeKey>> {
        self.members_of(conversation, slice).await
    }

    async fn find_streams(&mut self, user: UserId) -> StoreResult<Vec<ConversationStream>> {
        self.streams_of(user).await
    }

    async fn find_audiences(&mut self, ids: &[ConversationId]) -> StoreResult<Vec<AudienceMember>> {
        self.audiences_of(ids).await
    }

    async fn find_longest_standing(
        &mut self,
        conversation: ConversationId,
        role: Role,
        except: UserId,
    ) -> StoreResult<Option<Membership>> {
        self.longest_standing(conversation, role, except).await
    }
}

#[async_trait]
impl ConversationRepository for Link {
    async fn lock_conversations(&mut self, ids: &[ConversationId]) -> StoreResult<Vec<Conversation>> {
        let mut conversations = Vec::new();
        for ids in sorted_ids(ids.iter().map(|id| id.as_uuid())).chunks(CHUNK) {
            conversations.extend(self.all(lock_conversations(ids), read_conversation).await?);
        }
        Ok(conversations)
    }

    async fn insert_conversation(&mut self, conversation: &Conversation) -> StoreResult<()> {
        let (pair, group) = match &conversation.kind {
            ConversationKind::Direct(pair) => (Some(*pair), None),
            ConversationKind::Group(group) => (None, Some(group)),
        };
        let creation = group.and_then(|group| group.creation.as_ref());
        let mut sql = Sql::new(
            "INSERT INTO conversations (id, kind, direct_low, direct_high, title, created_by, client_id, \
             creation_hash, members_count, last_seq, created_at, updated_at) VALUES (",
        );
        sql.id(conversation.id.as_uuid())
            .text(if pair.is_some() { ", 'direct', " } else { ", 'group', " })
            .optional_id(pair.map(|pair| pair.low().as_uuid()))
            .text(", ")
            .optional_id(pair.map(|pair| pair.high().as_uuid()))
            .then(", ", group.map(|group| group.title.as_str()))
            .text(", ")
            .optional_id(group.map(|group| group.created_by.as_uuid()))
            .then(", ", creation.map(|(client_id, _)| client_id.as_str().as_bytes()))
            .then(", ", creation.map(|(_, hash)| hash.as_bytes().as_slice()))
            .then(", ", conversation.members_count)
            .then(", ", conversation.last_seq.get())
            .then(", ", conversation.created_at.as_millis())
            .then(", ", conversation.updated_at.as_millis())
            .text(")");
        self.run(sql).await?;
        Ok(())
    }

    async fn update_conversations(&mut self, conversations: &[Conversation]) -> StoreResult<()> {
        let all = last_of_each(conversations, |conversation| conversation.id.as_uuid());
        for some in all.chunks(CHUNK) {
            self.run_on(update_conversations(some), some.len(), "conversations").await?;
        }
        Ok(())
    }

    async fn delete_conversation(&mut self, id: ConversationId) -> StoreResult<()> {
        // Its messages and memberships go by their foreign keys.
        let mut sql = Sql::new("DELETE FROM conversations WHERE id = ");
        sql.id(id.as_uuid());
        self.run(sql).await?;
        Ok(())
    }

    async fn insert_memberships(&mut self, memberships: &[Membership]) -> StoreResult<()> {
        self.add_memberships(memberships).await
    }

    async fn update_memberships(&mut self, memberships: &[Membership]) -> StoreResult<()> {
        self.change_memberships(memberships).await
    }

    async fn delete_membership(&mut self, conversation: ConversationId, user: UserId) -> StoreResult<()> {
        let mut sql = Sql::new("DELETE FROM memberships WHERE conversation_id = ");
        sql.id(conversation.as_uuid()).text(" AND user_id = ").id(user.as_uuid());
        self.run_later(Script::of(&sql), UniqueKey::Other).await
    }
}

fn title(conversation: &Conversation) -> Option<&str> {
    match &conversation.kind {
        ConversationKind::Direct(_) => None,
        ConversationKind::Group(group) => Some(group.title.as_str()),
    }
}

/// Writes what may change of conversations; there must be at least one.
pub(crate) fn update_conversations(some: &[&Conversation]) -> Sql {
    let mut sql = Sql::new("UPDATE conversations FORCE INDEX (PRIMARY) SET ");
    let key = |sql: &mut Sql, conversation: &&Conversation| {
        sql.text("id = ").id(conversation.id.as_uuid());
    };
    sql.case("title", some, key, |conversation| title(conversation).into())
        .text(", ")
        .case("members_count", some, key, |conversation| conversation.members_count.into())
        .text(", ")
        .case("last_seq", some, key, |conversation| conversation.last_seq.get().into())
        .text(", ")
        .case("updated_at", some, key, |conversation| conversation.updated_at.into());
    let ids: Vec<Uuid> = some.iter().map(|conversation| conversation.id.as_uuid()).collect();
    sql.text(" WHERE id IN (").ids(&ids).text(")");
    sql
}

/// Locks conversations and reads them; there must be at least one id.
pub(crate) fn lock_conversations(ids: &[Uuid]) -> Sql {
    // By the primary key: see `lock_users`.
    let mut sql = Sql::new(concat!(
        "SELECT ",
        conversation_columns!(),
        " FROM conversations c FORCE INDEX (PRIMARY) WHERE c.id IN ("
    ));
    sql.ids(ids).text(") ORDER BY c.id FOR UPDATE");
    sql
}

/// Locks the direct conversations of pairs; there must be at least one.
pub(crate) fn lock_directs(pairs: &[UserPair]) -> Sql {
    let mut sql = Sql::new(concat!(
        "SELECT ",
        conversation_columns!(),
        " FROM conversations c FORCE INDEX (conversations_direct_pair) WHERE "
    ));
    push_pairs(&mut sql, pairs, "c.direct_low", "c.direct_high");
    sql.text(" FOR UPDATE");
    sql
}
