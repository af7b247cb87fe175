-- The short pieces of a user's names, by which a search finds them; core says
-- which they are. The users of one term are in the order of the result. No
-- foreign key: rows of users stay, and a check of all terms takes long.
CREATE TABLE user_terms (
    term     TEXT NOT NULL,
    username TEXT NOT NULL,
    CONSTRAINT user_terms_term PRIMARY KEY (term, username)
) STRICT, WITHOUT ROWID;

-- Those of the users who are there. U+0001 stands before a display name.
INSERT INTO user_terms (term, username)
WITH RECURSIVE rests (username, rest) AS (
    SELECT username, username FROM users
    UNION ALL SELECT username, char(1) || display_name_folded FROM users
    UNION ALL SELECT username, substr(rest, 2) FROM rests WHERE length(rest) > 1
), lengths (length) AS (VALUES (1), (2), (3))
SELECT DISTINCT substr(rest, 1, lengths.length), username
FROM rests JOIN lengths ON lengths.length <= length(rest)
WHERE substr(rest, 1, lengths.length) <> char(1)
ORDER BY 1, 2;
