-- Children before parents.
DROP TABLE IF EXISTS signals;
DROP TABLE IF EXISTS presence;
DROP TABLE IF EXISTS nodes;
ALTER TABLE users DROP CONSTRAINT users_presence_policy_known, DROP COLUMN presence_policy;
