-- Ids are 16 bytes, times whole milliseconds UTC. STRICT and the CHECKs make
-- a broken rule impossible to store; the rules themselves live in core.

CREATE TABLE users (
    id                  BLOB    NOT NULL CONSTRAINT users_id PRIMARY KEY CHECK (length(id) = 16),
    username            TEXT    NOT NULL CONSTRAINT users_username UNIQUE,
    email               TEXT             CONSTRAINT users_email UNIQUE,
    display_name        TEXT    NOT NULL,
    display_name_folded TEXT    NOT NULL,
    bio                 TEXT,
    avatar_url          TEXT,
    dm_policy           TEXT    NOT NULL CHECK (dm_policy IN ('friends', 'everyone')),
    findable_by_email   INTEGER NOT NULL CHECK (findable_by_email IN (0, 1)),
    created_at          INTEGER NOT NULL,
    updated_at          INTEGER NOT NULL
) STRICT;

CREATE TABLE credentials (
    user_id       BLOB    NOT NULL CONSTRAINT credentials_user PRIMARY KEY REFERENCES users (id),
    password_hash TEXT    NOT NULL,
    updated_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
    id               BLOB    NOT NULL CONSTRAINT sessions_id PRIMARY KEY CHECK (length(id) = 16),
    user_id          BLOB    NOT NULL REFERENCES users (id),
    device_name      TEXT,
    created_at       INTEGER NOT NULL,
    refreshed_at     INTEGER NOT NULL,
    expires_at       INTEGER NOT NULL,
    spent_generation INTEGER NOT NULL CHECK (spent_generation >= 0)
) STRICT;
CREATE INDEX sessions_by_user ON sessions (user_id, created_at, id);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

CREATE TABLE refresh_tokens (
    token_hash BLOB    NOT NULL CONSTRAINT refresh_tokens_hash PRIMARY KEY CHECK (length(token_hash) = 32),
    session_id BLOB    NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    generation INTEGER NOT NULL CHECK (generation >= 1)
) STRICT, WITHOUT ROWID;
CREATE INDEX refresh_tokens_by_session ON refresh_tokens (session_id);

CREATE TABLE tickets (
    ticket_hash BLOB    NOT NULL CONSTRAINT tickets_hash PRIMARY KEY CHECK (length(ticket_hash) = 32),
    session_id  BLOB    NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    expires_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX tickets_by_session ON tickets (session_id);
CREATE INDEX tickets_by_expiry ON tickets (expires_at);

-- The key is the unordered pair, so that two users have one request at most.
CREATE TABLE friend_requests (
    low_id       BLOB    NOT NULL REFERENCES users (id),
    high_id      BLOB    NOT NULL REFERENCES users (id),
    requester_id BLOB    NOT NULL,
    addressee_id BLOB    NOT NULL,
    created_at   INTEGER NOT NULL,
    hidden       INTEGER NOT NULL CHECK (hidden IN (0, 1)),
    CONSTRAINT friend_requests_pair PRIMARY KEY (low_id, high_id),
    CHECK (low_id < high_id),
    CHECK ((requester_id = low_id AND addressee_id = high_id) OR (requester_id = high_id AND addressee_id = low_id))
) STRICT, WITHOUT ROWID;
CREATE INDEX friend_requests_outgoing ON friend_requests (requester_id, created_at, addressee_id);
CREATE INDEX friend_requests_incoming ON friend_requests (addressee_id, hidden, created_at, requester_id);

-- Two mirrored rows per friendship, so that each side's list is one range.
CREATE TABLE friendships (
    user_id   BLOB    NOT NULL REFERENCES users (id),
    friend_id BLOB    NOT NULL REFERENCES users (id),
    since     INTEGER NOT NULL,
    CONSTRAINT friendships_pair PRIMARY KEY (user_id, friend_id),
    CHECK (user_id <> friend_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX friendships_by_since ON friendships (user_id, since, friend_id);

CREATE TABLE blocks (
    blocker_id BLOB    NOT NULL REFERENCES users (id),
    blocked_id BLOB    NOT NULL REFERENCES users (id),
    since      INTEGER NOT NULL,
    CONSTRAINT blocks_pair PRIMARY KEY (blocker_id, blocked_id),
    CHECK (blocker_id <> blocked_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX blocks_by_since ON blocks (blocker_id, since, blocked_id);
-- Who blocks a user lists them, and so is told of changes to their profile.
CREATE INDEX blocks_by_blocked ON blocks (blocked_id, blocker_id);

CREATE TABLE conversations (
    id            BLOB    NOT NULL CONSTRAINT conversations_id PRIMARY KEY CHECK (length(id) = 16),
    kind          TEXT    NOT NULL CHECK (kind IN ('direct', 'group')),
    direct_low    BLOB    REFERENCES users (id),
    direct_high   BLOB    REFERENCES users (id),
    title         TEXT,
    created_by    BLOB    REFERENCES users (id),
    client_id     TEXT,
    creation_hash BLOB    CHECK (length(creation_hash) = 32),
    members_count INTEGER NOT NULL CHECK (members_count >= 0),
    last_seq      INTEGER NOT NULL CHECK (last_seq >= 0),
    last_position INTEGER NOT NULL DEFAULT 0 CHECK (last_position >= 0),
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    CONSTRAINT conversations_direct UNIQUE (direct_low, direct_high),
    CONSTRAINT conversations_creation UNIQUE (created_by, client_id),
    CHECK ((kind = 'direct') = (direct_low IS NOT NULL AND direct_high IS NOT NULL)),
    CHECK ((direct_low IS NULL) = (direct_high IS NULL)),
    CHECK (direct_low < direct_high),
    CHECK ((kind = 'group') = (title IS NOT NULL)),
    CHECK ((kind = 'group') = (created_by IS NOT NULL)),
    CHECK ((client_id IS NULL) = (creation_hash IS NULL)),
    CHECK (kind = 'group' OR client_id IS NULL)
) STRICT;
CREATE INDEX conversations_by_direct_high ON conversations (direct_high) WHERE direct_high IS NOT NULL;

CREATE TABLE memberships (
    conversation_id BLOB    NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    user_id         BLOB    NOT NULL REFERENCES users (id),
    role            TEXT    NOT NULL CHECK (role IN ('member', 'admin', 'owner')),
    joined_at       INTEGER NOT NULL,
    read_seq        INTEGER NOT NULL CHECK (read_seq >= 0),
    own_after_read  INTEGER NOT NULL CHECK (own_after_read >= 0),
    joined_position INTEGER NOT NULL DEFAULT 0 CHECK (joined_position >= 0),
    CONSTRAINT memberships_member PRIMARY KEY (conversation_id, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX memberships_by_user ON memberships (user_id, conversation_id);
CREATE INDEX memberships_by_joining ON memberships (conversation_id, joined_at, user_id);
-- Empty between transactions: lets a commit find who joins without reading all
-- members.
CREATE INDEX memberships_unplaced ON memberships (conversation_id) WHERE joined_position = 0;

CREATE TABLE messages (
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
    CONSTRAINT messages_seq UNIQUE (conversation_id, seq),
    CONSTRAINT messages_client_id UNIQUE (sender_id, conversation_id, client_id),
    CHECK ((body IS NULL) = (deleted_at IS NOT NULL))
) STRICT;
CREATE INDEX messages_by_time ON messages (conversation_id, created_at, id);

-- One row each, made by the store: the epoch is random, the number of
-- partitions its owner's choice.
CREATE TABLE log_identity (
    id         INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    epoch      INTEGER NOT NULL,
    partitions INTEGER NOT NULL CHECK (partitions BETWEEN 1 AND 65535)
) STRICT;

CREATE TABLE log_partitions (
    partition_id INTEGER NOT NULL PRIMARY KEY CHECK (partition_id >= 0),
    head         INTEGER NOT NULL CHECK (head >= 0),
    -- Positions below it have been purged; the event at it is kept.
    floor        INTEGER NOT NULL DEFAULT 0 CHECK (floor BETWEEN 0 AND head)
) STRICT;

-- No foreign keys: events outlive what they name.
CREATE TABLE events (
    partition_id    INTEGER NOT NULL,
    position        INTEGER NOT NULL CHECK (position >= 1),
    audience_kind   TEXT    NOT NULL CHECK (audience_kind IN ('conversation', 'user', 'acquaintances')),
    audience_id     BLOB    NOT NULL CHECK (length(audience_id) = 16),
    kind            TEXT    NOT NULL,
    conversation_id BLOB,
    subject_id      BLOB,
    other_id        BLOB,
    at              INTEGER NOT NULL,
    actor_id        BLOB    NOT NULL CHECK (length(actor_id) = 16),
    tag             INTEGER NOT NULL CHECK (tag BETWEEN 0 AND 4294967295),
    CONSTRAINT events_position PRIMARY KEY (partition_id, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX events_by_audience ON events (audience_id, position);
-- Profile changes are addressed to whoever knows the user, which is found out
-- from the receiver's side: there are few of them, and this finds only them.
CREATE INDEX events_to_acquaintances ON events (partition_id, position) WHERE audience_kind = 'acquaintances';
-- Who asks what to purge asks by time.
CREATE INDEX events_by_time ON events (partition_id, at, position);
