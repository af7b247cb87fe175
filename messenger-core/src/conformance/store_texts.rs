//! Text is kept byte for byte, whatever it is.

use super::failure::Outcome;
use super::rows::{body, client_id, title};
use super::world::World;
use super::{Case, isolated};
use crate::conversation::{Conversation, ConversationKind, Group};
use crate::message::{MessageBody, PayloadHash};
use crate::store::StoreResult;
use crate::user::{DisplayName, User};

pub(super) const CASES: &[Case] = isolated!("store_texts":
    a_body_keeps_nul_and_control_characters,
    a_body_keeps_emoji_and_their_joiners,
    a_body_keeps_right_to_left_text_and_its_marks,
    a_body_is_not_normalised,
    a_body_keeps_white_space_at_both_ends,
    a_body_of_eight_thousand_four_byte_characters_fits,
    a_body_keeps_what_looks_like_sql,
    an_edited_body_is_kept_as_exactly,
    a_title_of_a_hundred_four_byte_characters_fits,
    a_display_name_that_grows_when_folded_fits,
    a_client_id_keeps_case_and_spaces,
);

async fn round_trip(w: &World, text: &str) -> StoreResult<MessageBody> {
    let ada = w.put_user("ada").await?;
    let group = w.put_group(&[&ada]).await?;
    let sent = w.new_message(&group, 1, &ada, text);
    w.put_messages(std::slice::from_ref(&sent)).await?;
    let found = w.read().await?.messages().find_messages(&[sent.message.id]).await?.pop();
    Ok(found.expect("it was stored").body.expect("it has a body"))
}

async fn a_body_keeps_nul_and_control_characters(w: &World) -> Outcome {
    let text = "a\u{0}b\u{0}\u{0}\u{1}\u{8}\u{1a}\u{1b}[31m\u{7f}\u{85}\u{fffd}\u{feff}";
    assert_eq!(round_trip(w, text).await?.as_str(), text);
    Ok(())
}

async fn a_body_keeps_emoji_and_their_joiners(w: &World) -> Outcome {
    let text = "👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 🇩🇪 ❤️ \u{10ffff}";
    assert_eq!(round_trip(w, text).await?.as_str(), text);
    Ok(())
}

async fn a_body_keeps_right_to_left_text_and_its_marks(w: &World) -> Outcome {
    let text = "שלום \u{202e}abc\u{202c} مرحبا بالعالم \u{200f}!\u{2066}x\u{2069}";
    assert_eq!(round_trip(w, text).await?.as_str(), text);
    Ok(())
}

async fn a_body_is_not_normalised(w: &World) -> Outcome {
    let text = "\u{e9} e\u{301} \u{212b} \u{fb01} ẞ ß İ ı";
    assert_eq!(round_trip(w, text).await?.as_str(), text);
    Ok(())
}

async fn a_body_keeps_white_space_at_both_ends(w: &World) -> Outcome {
    let text = " \t\r\n\u{a0}\u{3000}x\u{2028} \r\n ";
    assert_eq!(round_trip(w, text).await?.as_str(), text);
    Ok(())
}

async fn a_body_of_eight_thousand_four_byte_characters_fits(w: &World) -> Outcome {
    let text = "🦀".repeat(8_000);
    assert!(round_trip(w, &text).await?.as_str() == text, "32,000 bytes come back as they were");
    Ok(())
}

async fn a_body_keeps_what_looks_like_sql(w: &World) -> Outcome {
    let text = r#"'; DROP TABLE messages; -- " ` \' \\ %s ? :a @b $1 {} \n /*!50000 x */"#;
    assert_eq!(round_trip(w, text).await?.as_str(), text);
    Ok(())
}

async fn an_edited_body_is_kept_as_exactly(w: &World) -> Outcome {
    let ada = w.put_user("ada").await?;
    let group = w.put_group(&[&ada]).await?;
    let mut message = w.put_history(&group, &ada, 1).await?.remove(0);
    let text = format!(" \u{0}'\\{} ", "👩‍👩‍👧".repeat(1_000));
    message.body = Some(body(&text));
    w.change(async |tx| tx.messages().update_messages(std::slice::from_ref(&message)).await).await?;
    assert_eq!(w.read().await?.messages().find_messages(&[message.id]).await?, [message]);
    Ok(())
}

async fn a_title_of_a_hundred_four_byte_characters_fits(w: &World) -> Outcome {
    let ada = w.put_user("ada").await?;
    let group = Group { title: title(&"🦀".repeat(100)), created_by: ada.id, creation: None };
    let conversation = Conversation { kind: ConversationKind::Group(group), ..w.new_group(&ada) };
    w.change(async |tx| tx.conversations().insert_conversation(&conversation).await).await?;
    let found = w.read().await?.conversations().find_conversations(&[conversation.id]).await?;
    assert_eq!(found, [conversation]);
    Ok(())
}

async fn a_display_name_that_grows_when_folded_fits(w: &World) -> Outcome {
    // One character becomes eighteen by NFKC: the longest that a folded name gets.
    let display_name = DisplayName::parse(&"\u{fdfa}".repeat(64)).expect("64 characters");
    let ada = User { display_name, ..w.new_user("ada") };
    w.put([&ada]).await?;
    assert_eq!(w.read().await?.users().find_users(&[ada.id]).await?, [ada]);
    Ok(())
}

async fn a_client_id_keeps_case_and_spaces(w: &World) -> Outcome {
    let ada = w.put_user("ada").await?;
    let group = w.put_group(&[&ada]).await?;
    let mut sent = w.new_message(&group, 1, &ada, "x");
    sent.message.client_id = Some(client_id(" aA~!\"'\\%_ "));
    sent.payload_hash = PayloadHash::from_stored([0xff; 32]);
    w.put_messages(std::slice::from_ref(&sent)).await?;
    let key = (ada.id, group.id, client_id(" aA~!\"'\\%_ "));
    assert_eq!(w.read().await?.messages().find_sent(&[key]).await?, [sent]);
    Ok(())
}
