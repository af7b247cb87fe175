-- Children before parents.
DROP TABLE IF EXISTS events;
DROP TABLE IF EXISTS log_identity;
DROP TABLE IF EXISTS log_partitions;
DROP TABLE IF EXISTS messages;
DROP TABLE IF EXISTS memberships;
DROP TABLE IF EXISTS conversations;
DROP TABLE IF EXISTS blocks;
DROP TABLE IF EXISTS friendships;
DROP TABLE IF EXISTS friend_requests;
DROP TABLE IF EXISTS tickets;
DROP TABLE IF EXISTS refresh_tokens;
DROP TABLE IF EXISTS sessions;
DROP TABLE IF EXISTS credentials;
DROP TABLE IF EXISTS users;
