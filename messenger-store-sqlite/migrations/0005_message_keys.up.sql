-- The keys under which messages were sent, of all messages of a conversation up
-- to its `keyed_seq`. Client ids come in no order, so each send would change a
-- page of this table by itself; many messages of a conversation share one.
CREATE TABLE message_keys (
    conversation_id BLOB    NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    client_id       TEXT    NOT NULL,
    sender_id       BLOB    NOT NULL,
    seq             INTEGER NOT NULL CHECK (seq >= 1),
    CONSTRAINT message_keys_key PRIMARY KEY (conversation_id, client_id, sender_id)
) STRICT, WITHOUT ROWID;
INSERT INTO message_keys (conversation_id, client_id, sender_id, seq)
SELECT conversation_id, client_id, sender_id, seq FROM messages WHERE client_id IS NOT NULL ORDER BY 1, 2, 3;

ALTER TABLE conversations ADD COLUMN keyed_seq INTEGER NOT NULL DEFAULT 0 CHECK (keyed_seq >= 0);
UPDATE conversations
SET keyed_seq = coalesce((SELECT max(seq) FROM messages WHERE conversation_id = conversations.id), 0);

-- As before, without `messages_client_id`.
CREATE TABLE messages_without_keys (
    id              BLOB    NOT NULL CONSTRAINT messages_id PRIMARY KEY CHECK (length(id) = 16),
    conversation_id BLOB    NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
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
    CONSTRAINT messages_seq UNIQUE (conversation_id, seq),
    CHECK ((body IS NULL) = (deleted_at IS NOT NULL))
) STRICT;
-- In the order in which they were stored, which the store goes by.
INSERT INTO messages_without_keys (id, conversation_id, seq, sender_id, body, client_id, payload_hash, reply_to,
                                   created_at, edited_at, deleted_at, sent_position)
SELECT id, conversation_id, seq, sender_id, body, client_id, payload_hash, reply_to,
       created_at, edited_at, deleted_at, sent_position
FROM messages ORDER BY rowid;
DROP TABLE messages;
ALTER TABLE messages_without_keys RENAME TO messages;
