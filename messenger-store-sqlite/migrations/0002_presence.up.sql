-- Who learns whether a user is online. Who is online is not kept here: one
-- process serves a file, and knows.
ALTER TABLE users
    ADD COLUMN presence_policy TEXT NOT NULL DEFAULT 'shared' CHECK (presence_policy IN ('shared', 'hidden'));
