DROP INDEX blocks_by_blocked;
DROP INDEX events_by_time;
DROP INDEX events_to_acquaintances;
ALTER TABLE log_partitions DROP COLUMN floor;
