-- Who learns whether a user is online. One statement, so that a crash leaves
-- both parts or none; run twice, it is told that the column is there.
ALTER TABLE users
    ADD COLUMN presence_policy VARCHAR(16) NOT NULL DEFAULT 'shared',
    ADD CONSTRAINT users_presence_policy_known CHECK (presence_policy IN ('shared', 'hidden'));

-- What nodes tell each other of this moment. Each writes under its own id and
-- numbers its notes itself, one transaction after the other, so they are dense
-- and commit-ordered without a lock that nodes share, as AUTO_INCREMENT is not.
CREATE TABLE IF NOT EXISTS nodes (
    node_id    BINARY(16) NOT NULL,
    -- By the server's clock.
    expires_at BIGINT     NOT NULL,
    -- The number of its last note.
    head       BIGINT     NOT NULL,
    PRIMARY KEY (node_id),
    CONSTRAINT nodes_head CHECK (head >= 0)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- Who is online on which node. No foreign key to users: it would lock their
-- rows, which changes wait for.
CREATE TABLE IF NOT EXISTS presence (
    node_id BINARY(16) NOT NULL,
    user_id BINARY(16) NOT NULL,
    PRIMARY KEY (node_id, user_id),
    CONSTRAINT presence_node FOREIGN KEY (node_id) REFERENCES nodes (node_id) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE IF NOT EXISTS signals (
    node_id         BINARY(16)  NOT NULL,
    number          BIGINT      NOT NULL,
    kind            VARCHAR(16) NOT NULL,
    user_id         BINARY(16)  NOT NULL,
    conversation_id BINARY(16)  NULL,
    PRIMARY KEY (node_id, number),
    CONSTRAINT signals_node FOREIGN KEY (node_id) REFERENCES nodes (node_id) ON DELETE CASCADE,
    CONSTRAINT signals_kind_known CHECK (kind IN ('online', 'offline', 'typing')),
    CONSTRAINT signals_typing_somewhere CHECK ((kind = 'typing') = (conversation_id IS NOT NULL))
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
