-- Positions below the floor have been purged. The event at the floor is kept.
ALTER TABLE log_partitions ADD COLUMN floor INTEGER NOT NULL DEFAULT 0 CHECK (floor >= 0);

-- Profile changes are addressed to whoever knows the user, which is found out
-- from the receiver's side: there are few of them, and this finds only them.
CREATE INDEX events_to_acquaintances ON events (partition_id, position) WHERE audience_kind = 'acquaintances';

-- Who asks what to purge asks by time.
CREATE INDEX events_by_time ON events (partition_id, at);

-- Who blocks a user is told of changes to their profile, as they list them.
CREATE INDEX blocks_by_blocked ON blocks (blocked_id, blocker_id);
