CREATE INDEX messages_by_time ON messages (conversation_id, created_at, id);
DROP INDEX events_by_audience;
CREATE INDEX events_by_audience ON events (audience_id, position);
ALTER TABLE events DROP COLUMN by_message;
ALTER TABLE messages DROP COLUMN sent_position;
