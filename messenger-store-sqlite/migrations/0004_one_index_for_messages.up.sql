-- A conversation's messages have one order: by number, by place in the log, and
-- by when they were stored. So one index serves history, the event log and the
-- list of recent messages, where each send had to keep three.

-- The place of the event that told of the message, where the event is found by
-- it: NULL before there is one, 0 for messages from before this migration, whose
-- events are found like all others.
ALTER TABLE messages ADD COLUMN sent_position INTEGER DEFAULT 0 CHECK (sent_position >= 0);
-- Whether the event is found by its message, whose `sent_position` it has.
ALTER TABLE events ADD COLUMN by_message INTEGER NOT NULL DEFAULT 0 CHECK (by_message IN (0, 1));

DROP INDEX events_by_audience;
CREATE INDEX events_by_audience ON events (audience_id, position) WHERE by_message = 0;
DROP INDEX messages_by_time;
