-- A message's place is its row's number, which VACUUM keeps since it has a name
-- now. Each send used to change a page of the index by number; the places are
-- written for many messages of a conversation at once, together with the keys,
-- of all up to its `indexed_seq`. The later ones are found from its `last_place`
-- on: each message says where the one before it is.
CREATE TABLE message_places (
    conversation_id BLOB    NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    seq             INTEGER NOT NULL CHECK (seq >= 1),
    place           INTEGER NOT NULL CHECK (place >= 1),
    CONSTRAINT message_places_seq PRIMARY KEY (conversation_id, seq)
) STRICT, WITHOUT ROWID;
INSERT INTO message_places (conversation_id, seq, place)
SELECT conversation_id, seq, rowid FROM messages ORDER BY conversation_id, seq;

-- Of those whose keys have not been written yet.
INSERT INTO message_keys (conversation_id, client_id, sender_id, seq)
SELECT m.conversation_id, m.client_id, m.sender_id, m.seq
FROM conversations c CROSS JOIN messages m ON m.conversation_id = c.id AND m.seq > c.keyed_seq
WHERE m.client_id IS NOT NULL ORDER BY m.conversation_id, m.seq
ON CONFLICT DO NOTHING;
ALTER TABLE conversations RENAME COLUMN keyed_seq TO indexed_seq;
-- 0 when there is no message.
ALTER TABLE conversations ADD COLUMN last_place INTEGER NOT NULL DEFAULT 0 CHECK (last_place >= 0);
UPDATE conversations SET (indexed_seq, last_place) = (
    SELECT p.seq, p.place FROM message_places p
    WHERE p.conversation_id = conversations.id ORDER BY p.seq DESC LIMIT 1)
WHERE id IN (SELECT conversation_id FROM message_places);

-- As before, with `place` and `previous` and without `messages_seq`. Messages go
-- with their conversation by the store's hand: a foreign key would need the index.
CREATE TABLE messages_with_places (
    place           INTEGER NOT NULL PRIMARY KEY,
    -- 0 for the first of a conversation.
    previous        INTEGER NOT NULL CHECK (previous >= 0),
    id              BLOB    NOT NULL CONSTRAINT messages_id UNIQUE CHECK (length(id) = 16),
    conversation_id BLOB    NOT NULL,
    seq             INTEGER NOT NULL CHECK (seq >= 1),
    sender_id       BLOB    NOT NULL REFERENCES users (id),
    body            TEXT,
    client_id       TEXT,
    payload_hash    BLOB    NOT NULL CHECK (length(payload_hash) = 32),
    reply_to        BLOB    CHECK (length(reply_to) = 16),
    created_at      INTEGER NOT NULL,
    edited_at       INTEGER,
    deleted_at      INTEGER,
    sent_position   INTEGER DEFAULT 0 CHECK (sent_position >= 0),
    CHECK ((body IS NULL) = (deleted_at IS NOT NULL))
) STRICT;
INSERT INTO messages_with_places (place, previous, id, conversation_id, seq, sender_id, body, client_id, payload_hash,
                                  reply_to, created_at, edited_at, deleted_at, sent_position)
SELECT m.rowid,
       coalesce((SELECT p.place FROM message_places p
                 WHERE p.conversation_id = m.conversation_id AND p.seq < m.seq ORDER BY p.seq DESC LIMIT 1), 0),
       m.id, m.conversation_id, m.seq, m.sender_id, m.body, m.client_id, m.payload_hash,
       m.reply_to, m.created_at, m.edited_at, m.deleted_at, m.sent_position
FROM messages m ORDER BY m.rowid;
DROP TABLE messages;
ALTER TABLE messages_with_places RENAME TO messages;
