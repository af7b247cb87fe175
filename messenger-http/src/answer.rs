//! Answers that are no errors: a status with a JSON object, or with nothing.

use std::marker::PhantomData;

use bytes::Bytes;
use messenger_core::Error;
use poem::http::{StatusCode, header};
use poem::{IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, Registry};
use poem_openapi::types::{ToJSON, Type};
use serde::Serialize;

use crate::problem::Problem;

/// The media type of every other answer.
pub(crate) const JSON: &str = "application/json";

/// 200 with an object.
#[derive(Debug)]
pub(crate) struct Answer<T>(pub T);

/// 200 with an object that is written straight to text. [`Answer`] builds a tree
/// of it first, which takes three times as long: for what is large or asked for
/// often. The schema is the type's own in both.
#[derive(Debug)]
pub(crate) struct Written<T>(pub T);

/// 200 with an object that was written to text before.
#[derive(Debug)]
pub(crate) struct Text<T> {
    text: Bytes,
    of: PhantomData<fn() -> T>,
}

/// 201 with what was made.
#[derive(Debug)]
pub(crate) struct Created<T>(pub T);

/// 201 with what was made, or 200 with what was there; written straight to text.
#[derive(Debug)]
pub(crate) enum CreatedOrFound<T> {
    /// It was made.
    Created(T),
    /// It was there.
    Found(T),
}

/// 204.
#[derive(Debug)]
pub(crate) struct NoContent;

/// 200 with a word of plain text, for probes.
#[derive(Debug)]
pub(crate) struct Word(pub &'static str);

fn respond(status: StatusCode, object: &impl ToJSON) -> Response {
    Response::builder().status(status).header(header::CONTENT_TYPE, JSON).body(object.to_json_string())
}

fn text_of(object: &impl Serialize) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(object).map_err(|error| Error::Internal(format!("an answer cannot be written: {error}")))
}

fn write(status: StatusCode, object: &impl Serialize) -> Response {
    match text_of(object) {
        Ok(text) => Response::builder().status(status).header(header::CONTENT_TYPE, JSON).body(text),
        Err(error) => Problem::of(error).into_response(),
    }
}

impl<T: Serialize> Text<T> {
    /// Writes it.
    pub(crate) fn of(object: &T) -> Result<Self, Error> {
        // Kept for long, so without the room that it was written into.
        Ok(Self { text: text_of(object)?.into_boxed_slice().into(), of: PhantomData })
    }
}

impl<T> Text<T> {
    /// How many bytes it has.
    pub(crate) fn len(&self) -> usize {
        self.text.len()
    }
}

impl<T> Clone for Text<T> {
    fn clone(&self) -> Self {
        Self { text: self.text.clone(), of: PhantomData }
    }
}

fn described<T: Type>(status: u16, description: &'static str) -> MetaResponse {
    let content = vec![MetaMediaType { content_type: JSON, schema: T::schema_ref() }];
    MetaResponse { description, status: Some(status), status_range: None, content, headers: vec![] }
}

impl<T: ToJSON> IntoResponse for Answer<T> {
    fn into_response(self) -> Response {
        respond(StatusCode::OK, &self.0)
    }
}

impl<T: ToJSON> ApiResponse for Answer<T> {
    fn meta() -> MetaResponses {
        MetaResponses { responses: vec![described::<T>(200, "")] }
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: Serialize + Send> IntoResponse for Written<T> {
    fn into_response(self) -> Response {
        write(StatusCode::OK, &self.0)
    }
}

impl<T: Serialize + Type> ApiResponse for Written<T> {
    fn meta() -> MetaResponses {
        MetaResponses { responses: vec![described::<T>(200, "")] }
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: Send> IntoResponse for Text<T> {
    fn into_response(self) -> Response {
        Response::builder().header(header::CONTENT_TYPE, JSON).body(self.text)
    }
}

impl<T: Type> ApiResponse for Text<T> {
    fn meta() -> MetaResponses {
        MetaResponses { responses: vec![described::<T>(200, "")] }
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: ToJSON> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        respond(StatusCode::CREATED, &self.0)
    }
}

impl<T: ToJSON> ApiResponse for Created<T> {
    fn meta() -> MetaResponses {
        MetaResponses { responses: vec![described::<T>(201, "")] }
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: Serialize + Send> IntoResponse for CreatedOrFound<T> {
    fn into_response(self) -> Response {
        match self {
            Self::Created(object) => write(StatusCode::CREATED, &object),
            Self::Found(object) => write(StatusCode::OK, &object),
        }
    }
}

impl<T: Serialize + Type> ApiResponse for CreatedOrFound<T> {
    fn meta() -> MetaResponses {
        // One schema for both: generators such as progenitor take one type of
        // success per operation.
        let responses =
            vec![described::<T>(200, "It was there already; nothing was made."), described::<T>(201, "It was made.")];
        MetaResponses { responses }
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl IntoResponse for NoContent {
    fn into_response(self) -> Response {
        Response::builder().status(StatusCode::NO_CONTENT).finish()
    }
}

impl ApiResponse for NoContent {
    fn meta() -> MetaResponses {
        let description = "Done.";
        let done =
            MetaResponse { description, status: Some(204), status_range: None, content: vec![], headers: vec![] };
        MetaResponses { responses: vec![done] }
    }

    fn register(_: &mut Registry) {}
}

impl IntoResponse for Word {
    fn into_response(self) -> Response {
        Response::builder().header(header::CONTENT_TYPE, "text/plain; charset=utf-8").body(self.0)
    }
}

impl ApiResponse for Word {
    fn meta() -> MetaResponses {
        let content = vec![MetaMediaType { content_type: "text/plain", schema: String::schema_ref() }];
        let word = MetaResponse { description: "", status: Some(200), status_range: None, content, headers: vec![] };
        MetaResponses { responses: vec![word] }
    }

    fn register(_: &mut Registry) {}
}

#[cfg(test)]
mod tests {
    use poem_openapi::types::{Example, ToJSON};
    use serde::Serialize;

    use crate::wire;

    fn assert_same<T: Example + ToJSON + Serialize>() {
        assert_written_as_described(&T::example());
    }

    fn assert_written_as_described<T: ToJSON + Serialize>(value: &T) {
        assert_eq!(serde_json::to_value(value).ok(), value.to_json(), "{}", T::name());
    }

    #[test]
    fn what_is_written_straight_to_text_is_what_its_schema_describes() {
        assert_same::<wire::Conversation>();
        assert_same::<wire::ConversationPage>();
        assert_same::<wire::EventPage>();
        assert_same::<wire::FriendPage>();
        assert_same::<wire::FriendRequestPage>();
        assert_same::<wire::Me>();
        assert_same::<wire::MemberPage>();
        assert_same::<wire::Message>();
        assert_same::<wire::MessagePage>();
        assert_same::<wire::RecentMessagePage>();
        assert_same::<wire::SessionPage>();
        assert_same::<wire::Snapshot>();
        assert_same::<wire::UserPage>();
        assert_written_as_described(&wire::FriendRequestSent::Pending(wire::FriendRequest::example()));
        assert_written_as_described(&wire::FriendRequestSent::Friends(wire::Friend::example()));
    }
}
