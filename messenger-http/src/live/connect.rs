//! Who connects, and from where in the log.

use std::time::Duration;

use messenger_core::Messenger;
use messenger_core::cursor::Cursor;
use messenger_core::id::UserId;
use messenger_core::live::Subscription;
use messenger_core::session::Ticket;
use poem::Request;

use crate::auth::authenticate;
use crate::problem::{Code, Problem};

/// How many streams a user may have open on a node: a few devices with a few
/// windows each.
const MAX_STREAMS_PER_USER: usize = 50;

/// How many streams a node takes in all, so that its memory is bounded.
const MAX_STREAMS: usize = 100_000;

/// When a stream that was refused is likely to find room.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// What browsers send when they connect again, by the standard of server-sent
/// events.
const LAST_EVENT_ID: &str = "Last-Event-ID";

/// The cursor that a client sent as `field`.
pub(crate) fn parse_cursor(field: &str, text: &str, viewer: UserId) -> Result<Cursor, Problem> {
    Cursor::decode(text, viewer).ok_or_else(|| Problem::new(Code::BadCursor).field(field, Code::BadCursor.detail()))
}

/// What a client says when it connects.
#[derive(serde::Deserialize)]
struct Wishes {
    after: Option<String>,
    ticket: Option<String>,
}

/// Which ways of saying who one is a transport has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tickets {
    /// A ticket, or an access token.
    Taken,
    /// An access token only.
    Refused,
}

/// Opens a subscription for a request, or says why not, as long as that can
/// still be said with a status. A connection lives as long as its session, not
/// as long as its access token.
pub(super) async fn connect(
    messenger: &Messenger,
    request: &Request,
    tickets: Tickets,
) -> Result<Subscription, Problem> {
    let wishes: Wishes = request.params().map_err(|_| Problem::new(Code::InvalidParameter))?;
    let viewer = match &wishes.ticket {
        Some(ticket) if tickets == Tickets::Taken => {
            messenger.redeem_ticket(&Ticket::presented(ticket)).await.map_err(Problem::of)?
        }
        _ => authenticate(messenger, request).await?,
    };
    let of_user = messenger.subscription_count_of(viewer.user_id);
    if of_user >= MAX_STREAMS_PER_USER || messenger.subscription_count() >= MAX_STREAMS {
        return Err(Problem::new(Code::TooManyStreams).retry_after(RETRY_AFTER));
    }
    // A client that was cut off goes on from what it saw last.
    let last_event_id = request.header(LAST_EVENT_ID).filter(|id| !id.is_empty());
    let said = last_event_id.map(|id| (LAST_EVENT_ID, id));
    let cursor = match said.or(wishes.after.as_deref().map(|after| ("after", after))) {
        Some((field, text)) => {
            let cursor = parse_cursor(field, text, viewer.user_id)?;
            messenger.check_cursor(&cursor).await.map_err(Problem::of)?;
            cursor
        }
        None => messenger.cursor(viewer.user_id).await.map_err(Problem::of)?,
    };
    messenger.subscribe_session(cursor, viewer.session_id).await.map_err(Problem::of)
}
