//! Pages of histories, kept as they were written for whoever asked last.
//!
//! Most of a page's cost is to find its messages and to write them out, and what
//! is read most is the same for many: the last messages of a group. So a page is
//! written once and kept, and whoever asks next costs one look at where the
//! conversation stands and whether they may read it. Nothing is served that is
//! older than the question: a conversation that was told anything meanwhile is
//! read again.

use std::mem::size_of;

use messenger_core::cursor::Place;
use messenger_core::id::{ConversationId, UserId};
use messenger_core::page::Limit;
use messenger_core::service::history::{DatedPage, HistoryAt};
use messenger_core::{Messenger, Result};
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::answer::Text;
use crate::wire::MessagePage;

/// About how many bytes a page has: 50 messages of a line each.
const USUAL_BYTES: usize = 16 * 1024;

/// A part of a conversation's history, whoever asks for it: a message is the
/// same for every member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Question {
    pub(crate) conversation: ConversationId,
    pub(crate) at: HistoryAt,
    pub(crate) limit: Limit,
}

/// The answer, and as of which event it was read.
#[derive(Clone)]
struct Kept {
    text: Text<MessagePage>,
    as_of: Place,
}

/// The pages that an app keeps.
pub(crate) struct Pages(Cache<Question, Kept, Bound>);

/// They are bounded by their bytes.
#[derive(Clone)]
struct Bound;

impl Weighter<Question, Kept> for Bound {
    fn weight(&self, _: &Question, kept: &Kept) -> u64 {
        // Two words for each item are the cache's own.
        (kept.text.len() + size_of::<(Question, Kept)>() + 2 * size_of::<usize>()) as u64
    }
}

impl Pages {
    /// Keeps so many bytes at the most; none with 0.
    pub(crate) fn up_to(bytes: usize) -> Self {
        Self(Cache::with_weighter(bytes / USUAL_BYTES, bytes as u64, Bound))
    }

    /// The answer to a question of the viewer's, as it is now.
    pub(crate) async fn read(
        &self,
        messenger: &Messenger,
        viewer: UserId,
        question: Question,
    ) -> Result<Text<MessagePage>> {
        let Question { conversation, at, limit } = question;
        if let Some(Kept { text, as_of }) = self.0.get(&question)
            && messenger.stands_as_of(viewer, conversation, as_of).await?
        {
            return Ok(text);
        }
        let DatedPage { page, as_of } = messenger.list_dated_messages(viewer, conversation, at, limit).await?;
        let text = Text::of(&MessagePage::from(page))?;
        self.0.insert(question, Kept { text: text.clone(), as_of });
        Ok(text)
    }
}
