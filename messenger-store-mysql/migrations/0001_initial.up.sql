-- Every statement runs by itself (DDL commits on its own) and can be run twice:
-- a crash may fall between a statement and the record that it was carried out.
--
-- Text compares bytewise: utf8mb4_bin, which both servers have. It ignores
-- trailing spaces, so what may end in one and must be told apart (client ids)
-- is VARBINARY.

CREATE TABLE IF NOT EXISTS users (
    id                  BINARY(16)   NOT NULL,
    username            VARCHAR(32)  NOT NULL,
    email               VARCHAR(254) NULL,
    display_name        VARCHAR(64)  NOT NULL,
    -- One character can fold into eighteen, so no length is certain here.
    display_name_folded TEXT         NOT NULL,
    bio                 TEXT         NULL,
    avatar_url          TEXT         NULL,
    dm_policy           VARCHAR(16)  NOT NULL,
    findable_by_email   BOOLEAN      NOT NULL,
    created_at          BIGINT       NOT NULL,
    updated_at          BIGINT       NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY users_username (username),
    UNIQUE KEY users_email (email),
    CONSTRAINT users_dm_policy_known CHECK (dm_policy IN ('friends', 'everyone'))
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE IF NOT EXISTS credentials (
    user_id       BINARY(16)   NOT NULL,
    password_hash VARCHAR(512) NOT NULL,
    updated_at    BIGINT       NOT NULL,
    PRIMARY KEY (user_id),
    CONSTRAINT credentials_user FOREIGN KEY (user_id) REFERENCES users (id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE IF NOT EXISTS sessions (
    id               BINARY(16)  NOT NULL,
    user_id          BINARY(16)  NOT NULL,
    device_name      VARCHAR(64) NULL,
    created_at       BIGINT      NOT NULL,
    refreshed_at     BIGINT      NOT NULL,
    expires_at       BIGINT      NOT NULL,
    spent_generation BIGINT      NOT NULL,
    PRIMARY KEY (id),
    KEY sessions_by_user (user_id, created_at, id),
    KEY sessions_by_expiry (expires_at),
    CONSTRAINT sessions_user FOREIGN KEY (user_id) REFERENCES users (id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE IF NOT EXISTS refresh_tokens (
    token_hash BINARY(32) NOT NULL,
    session_id BINARY(16) NOT NULL,
    generation BIGINT     NOT NULL,
    PRIMARY KEY (token_hash),
    KEY refresh_tokens_by_session (session_id),
    CONSTRAINT refresh_tokens_session FOREIGN KEY (session_id) REFERENCES sessions (id) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE IF NOT EXISTS tickets (
    ticket_hash BINARY(32) NOT NULL,
    session_id  BINARY(16) NOT NULL,
    expires_at  BIGINT     NOT NULL,
    PRIMARY KEY (ticket_hash),
    KEY tickets_by_session (session_id),
    KEY tickets_by_expiry (expires_at),
    CONSTRAINT tickets_session FOREIGN KEY (session_id) REFERENCES sessions (id) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- The pair is the key, so that two users have one request, whoever asked.
CREATE TABLE IF NOT EXISTS friend_requests (
    low_id       BINARY(16) NOT NULL,
    high_id      BINARY(16) NOT NULL,
    requester_id BINARY(16) NOT NULL,
    addressee_id BINARY(16) NOT NULL,
    created_at   BIGINT     NOT NULL,
    hidden       BOOLEAN    NOT NULL,
    PRIMARY KEY (low_id, high_id),
    KEY friend_requests_by_requester (requester_id, created_at, addressee_id),
    KEY friend_requests_by_addressee (addressee_id, hidden, created_at, requester_id),
    CONSTRAINT friend_requests_pair CHECK (
        low_id < high_id
        AND ((requester_id = low_id AND addressee_id = high_id) OR (requester_id = high_id AND addressee_id = low_id))
    )
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- Two mirrored rows for each friendship, so that either's list is one range.
CREATE TABLE IF NOT EXISTS friendships (
    user_id   BINARY(16) NOT NULL,
    friend_id BINARY(16) NOT NULL,
    since     BIGINT     NOT NULL,
    PRIMARY KEY (user_id, friend_id),
    KEY friendships_by_time (user_id, since, friend_id),
    CONSTRAINT friendships_two_users CHECK (user_id <> friend_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE IF NOT EXISTS blocks (
    blocker_id BINARY(16) NOT NULL,
    blocked_id BINARY(16) NOT NULL,
    since      BIGINT     NOT NULL,
    PRIMARY KEY (blocker_id, blocked_id),
    KEY blocks_by_time (blocker_id, since, blocked_id),
    -- Who blocks a user lists them, and so is told of changes to their profile.
    KEY blocks_by_blocked (blocked_id, blocker_id),
    CONSTRAINT blocks_two_users CHECK (blocker_id <> blocked_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE IF NOT EXISTS conversations (
    id            BINARY(16)    NOT NULL,
    kind          VARCHAR(16)   NOT NULL,
    direct_low    BINARY(16)    NULL,
    direct_high   BINARY(16)    NULL,
    title         VARCHAR(100)  NULL,
    created_by    BINARY(16)    NULL,
    client_id     VARBINARY(64) NULL,
    creation_hash BINARY(32)    NULL,
    members_count BIGINT        NOT NULL,
    last_seq      BIGINT        NOT NULL,
    last_position BIGINT        NOT NULL DEFAULT 0,
    created_at    BIGINT        NOT NULL,
    updated_at    BIGINT        NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY conversations_direct_pair (direct_low, direct_high),
    UNIQUE KEY conversations_client_id (created_by, client_id),
    KEY conversations_by_high (direct_high),
    CONSTRAINT conversations_kind_complete CHECK (
        (kind = 'direct' AND direct_low IS NOT NULL AND direct_high IS NOT NULL AND direct_low < direct_high
            AND title IS NULL AND created_by IS NULL AND client_id IS NULL)
        OR (kind = 'group' AND direct_low IS NULL AND direct_high IS NULL
            AND title IS NOT NULL AND created_by IS NOT NULL)
    ),
    CONSTRAINT conversations_creation_complete CHECK ((client_id IS NULL) = (creation_hash IS NULL)),
    CONSTRAINT conversations_counts CHECK (members_count >= 0 AND last_seq >= 0 AND last_position >= 0)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE IF NOT EXISTS memberships (
    conversation_id BINARY(16)  NOT NULL,
    user_id         BINARY(16)  NOT NULL,
    role            VARCHAR(16) NOT NULL,
    joined_at       BIGINT      NOT NULL,
    read_seq        BIGINT      NOT NULL,
    own_after_read  BIGINT      NOT NULL,
    joined_position BIGINT      NOT NULL DEFAULT 0,
    PRIMARY KEY (conversation_id, user_id),
    KEY memberships_by_user (user_id, conversation_id),
    KEY memberships_by_time (conversation_id, joined_at, user_id),
    CONSTRAINT memberships_conversation FOREIGN KEY (conversation_id) REFERENCES conversations (id) ON DELETE CASCADE,
    CONSTRAINT memberships_user FOREIGN KEY (user_id) REFERENCES users (id),
    CONSTRAINT memberships_role_known CHECK (role IN ('member', 'admin', 'owner')),
    CONSTRAINT memberships_counts CHECK (read_seq >= 0 AND own_after_read >= 0)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- sender_id has no foreign key: InnoDB would lock the sender's users row for
-- each message, after the conversation's row, while a block locks users first
-- and the conversation second (measured on MariaDB 10.11, 200 blocks against
-- 1,200 sends: 692 deadlocks with the key, none without). A sender is a member
-- when the message is stored, and memberships hold the key.
CREATE TABLE IF NOT EXISTS messages (
    id              BINARY(16)    NOT NULL,
    conversation_id BINARY(16)    NOT NULL,
    seq             BIGINT        NOT NULL,
    sender_id       BINARY(16)    NOT NULL,
    body            TEXT          NULL,
    client_id       VARBINARY(64) NULL,
    payload_hash    BINARY(32)    NOT NULL,
    reply_to        BINARY(16)    NULL,
    created_at      BIGINT        NOT NULL,
    edited_at       BIGINT        NULL,
    deleted_at      BIGINT        NULL,
    PRIMARY KEY (id),
    UNIQUE KEY messages_seq (conversation_id, seq),
    UNIQUE KEY messages_client_id (sender_id, conversation_id, client_id),
    KEY messages_by_time (conversation_id, created_at, id),
    KEY messages_by_sender (conversation_id, sender_id, seq),
    CONSTRAINT messages_conversation FOREIGN KEY (conversation_id) REFERENCES conversations (id) ON DELETE CASCADE,
    CONSTRAINT messages_seq_positive CHECK (seq >= 1),
    CONSTRAINT messages_body_unless_deleted CHECK ((body IS NULL) = (deleted_at IS NOT NULL))
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE IF NOT EXISTS log_partitions (
    partition_id SMALLINT UNSIGNED NOT NULL,
    head         BIGINT            NOT NULL,
    -- Positions below it have been purged; the event at it is kept.
    floor        BIGINT            NOT NULL DEFAULT 0,
    PRIMARY KEY (partition_id),
    CONSTRAINT log_partitions_floor CHECK (floor BETWEEN 0 AND head)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE IF NOT EXISTS log_identity (
    id         TINYINT UNSIGNED  NOT NULL,
    epoch      BIGINT UNSIGNED   NOT NULL,
    partitions SMALLINT UNSIGNED NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT log_identity_single CHECK (id = 1),
    CONSTRAINT log_identity_partitions CHECK (partitions >= 1)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- No foreign keys: events outlive what they name.
CREATE TABLE IF NOT EXISTS events (
    partition_id    SMALLINT UNSIGNED NOT NULL,
    position        BIGINT            NOT NULL,
    audience_kind   VARCHAR(16)       NOT NULL,
    audience_id     BINARY(16)        NOT NULL,
    kind            VARCHAR(32)       NOT NULL,
    conversation_id BINARY(16)        NULL,
    subject_id      BINARY(16)        NULL,
    other_id        BINARY(16)        NULL,
    at              BIGINT            NOT NULL,
    actor_id        BINARY(16)        NOT NULL,
    tag             INT UNSIGNED      NOT NULL,
    PRIMARY KEY (partition_id, position),
    KEY events_by_audience (audience_id, position),
    -- Profile changes are addressed to whoever knows the user, which is found
    -- out from the receiver's side: there are few, and this finds only them.
    KEY events_by_audience_kind (audience_kind, partition_id, position),
    -- Who asks what to purge asks by time.
    KEY events_by_time (partition_id, at, position),
    CONSTRAINT events_audience_known CHECK (audience_kind IN ('conversation', 'user', 'acquaintances'))
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- The migrator sets the variable; by hand, the default of 8 holds.
INSERT IGNORE INTO log_partitions (partition_id, head)
WITH RECURSIVE numbers (number) AS (
    SELECT 0 UNION ALL SELECT number + 1 FROM numbers WHERE number + 1 < COALESCE(@messenger_partitions, 8)
)
SELECT number, 0 FROM numbers;

INSERT IGNORE INTO log_identity (id, epoch, partitions)
SELECT 1, CONV(HEX(RANDOM_BYTES(8)), 16, 10), COUNT(*) FROM log_partitions;
