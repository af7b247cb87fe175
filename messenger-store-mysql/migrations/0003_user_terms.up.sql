-- The short pieces of a user's names, by which a search finds them; core says
-- which they are. The users of one term are in the order of the result. A term
-- may end in a space, so it is VARBINARY. No foreign key: it would need an
-- index of its own, as large as the table.
CREATE TABLE IF NOT EXISTS user_terms (
    term     VARBINARY(12) NOT NULL,
    username VARCHAR(32)   NOT NULL,
    PRIMARY KEY (term, username)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- Those of the users who are there: of their usernames, then of their display
-- names, before which stands U+0001. Places come from two digits, as the
-- servers end a recursion after a thousand steps. IGNORE: a piece may be there
-- twice, and the statement may run twice. In order, the index grows at its end.
INSERT IGNORE INTO user_terms (term, username)
WITH RECURSIVE places (place) AS (
    SELECT 1 UNION ALL SELECT place + 1 FROM places WHERE place < 32
), lengths (length) AS (
    SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3
)
SELECT SUBSTRING(u.username, p.place, l.length), u.username
FROM users u
JOIN places p ON p.place <= CHAR_LENGTH(u.username)
JOIN lengths l ON p.place + l.length - 1 <= CHAR_LENGTH(u.username)
ORDER BY 1, 2;

INSERT IGNORE INTO user_terms (term, username)
WITH RECURSIVE digits (digit) AS (
    SELECT 0 UNION ALL SELECT digit + 1 FROM digits WHERE digit < 39
), names (username, name) AS (
    SELECT username, CONCAT(_utf8mb4 X'01', display_name_folded) FROM users
), places (place) AS (
    SELECT high.digit * 40 + low.digit + 1 FROM digits high JOIN digits low
    WHERE high.digit * 40 + low.digit < (SELECT MAX(CHAR_LENGTH(name)) FROM names)
), lengths (length) AS (
    SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3
)
SELECT SUBSTRING(n.name, p.place, l.length), n.username
FROM names n
JOIN places p ON p.place <= CHAR_LENGTH(n.name)
JOIN lengths l ON p.place + l.length - 1 <= CHAR_LENGTH(n.name)
WHERE p.place > 1 OR l.length > 1
ORDER BY 1, 2;
