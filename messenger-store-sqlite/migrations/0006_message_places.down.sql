CREATE TABLE messages_by_seq (
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
INSERT INTO messages_by_seq (id, conversation_id, seq, sender_id, body, client_id, payload_hash, reply_to,
                             created_at, edited_at, deleted_at, sent_position)
SELECT id, conversation_id, seq, sender_id, body, client_id, payload_hash, reply_to,
       created_at, edited_at, deleted_at, sent_position
FROM messages WHERE conversation_id IN (SELECT id FROM conversations) ORDER BY place;
DROP TABLE messages;
ALTER TABLE messages_by_seq RENAME TO messages;
DROP TABLE message_places;
ALTER TABLE conversations DROP COLUMN last_place;
ALTER TABLE conversations RENAME COLUMN indexed_seq TO keyed_seq;
