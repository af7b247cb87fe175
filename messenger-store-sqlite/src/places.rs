//! Where a conversation's messages are.
//!
//! Messages of all conversations are stored one after another, in the order in
//! which they were sent; a message's place is the number of its row. An index of
//! places by conversation and number would be the dearest part of a send: each
//! changes a page of its own, 36 of the 61 that a batch of 37 changed. So the
//! places of a conversation's messages are written to `message_places` many at
//! once. Up to which number that was done is `conversations.indexed_seq`. The
//! messages after it, the latest, are few: they are found from the
//! conversation's `last_place` back, since each says where the one before it is.

/// The latest messages of the conversation `?1`: a table `latest` with `place`,
/// `seq` and `previous`, for the statement that follows. They begin at `$last`,
/// and `$limit` may end them. Each leads to one other, so that whoever takes them
/// as they come has the newest first, and reads no more than it takes.
macro_rules! with_latest {
    () => {
        with_latest!("c.last_place", "")
    };
    ($last:literal, $limit:literal) => {
        concat!(
            "WITH RECURSIVE latest (place, seq, previous, indexed_seq) AS (
                 SELECT m.place, m.seq, m.previous, c.indexed_seq
                 FROM conversations c CROSS JOIN messages m ON m.place = ",
            $last,
            "
                 WHERE c.id = ?1 AND m.seq > c.indexed_seq
                 UNION ALL
                 SELECT m.place, m.seq, m.previous, latest.indexed_seq
                 FROM latest CROSS JOIN messages m ON m.place = latest.previous
                 WHERE m.seq > latest.indexed_seq ",
            $limit,
            ")
             "
        )
    };
}
pub(crate) use with_latest;
