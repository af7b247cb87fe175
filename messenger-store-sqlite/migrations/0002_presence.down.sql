-- Takes back the choice of who learns of it.
ALTER TABLE users DROP COLUMN presence_policy;
