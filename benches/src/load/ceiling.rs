//! The ceiling: poem-openapi operations that take the same requests as the
//! service and do nothing. What a service reaches of it is what its own work
//! leaves over; the transport, the client and the machine cancel out.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use messenger_core::Messenger;
use poem::http::{StatusCode, header};
use poem::{Endpoint, EndpointExt as _, IntoResponse as _, Request, Response, Route};
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::{Binary, Json};
use poem_openapi::{ApiResponse, Object, OpenApi, OpenApiService};

use super::options::Ceiling;
use super::scenario::Read;

/// What the service answered to each kind of read: the same bytes go out.
pub type Answers = Arc<OnceLock<HashMap<Read, Bytes>>>;

/// The operations that do nothing.
pub fn app(messenger: Messenger, ceiling: Ceiling, answers: Answers) -> impl Endpoint<Output = Response> + 'static {
    let service = OpenApiService::new(Nothing { answers }, "Nothing", "1");
    let route = Route::new().nest("/", service).map_to_response();
    route
        .around(move |endpoint, request| {
            let messenger = messenger.clone();
            async move {
                if ceiling == Ceiling::SameAuth && !is_known(&messenger, &request).await {
                    return Ok(StatusCode::UNAUTHORIZED.into_response());
                }
                endpoint.call(request).await
            }
        })
        .map_to_response()
}

async fn is_known(messenger: &Messenger, request: &Request) -> bool {
    let header = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    match header.and_then(|value| value.strip_prefix("Bearer ")) {
        Some(token) => messenger.authenticate(token).await.is_ok(),
        None => false,
    }
}

struct Nothing {
    answers: Answers,
}

#[derive(Object)]
struct NewMessage {
    body: String,
    client_id: Option<String>,
}

#[derive(Object)]
struct Message {
    id: String,
    conversation_id: String,
    seq: i64,
    sender_id: String,
    body: String,
    client_id: Option<String>,
    reply_to: Option<String>,
    created_at: String,
    edited_at: Option<String>,
    deleted_at: Option<String>,
}

#[derive(ApiResponse)]
enum Created {
    #[oai(status = 201)]
    Created(Json<Message>),
}

#[allow(clippy::unused_async, reason = "poem-openapi's operations are async, and these do nothing")]
#[OpenApi]
impl Nothing {
    #[oai(path = "/v1/conversations/:id/messages", method = "post")]
    async fn send(&self, id: Path<String>, new: Json<NewMessage>) -> Created {
        let Json(NewMessage { body, client_id }) = new;
        Created::Created(Json(Message {
            id: id.0.clone(),
            sender_id: id.0.clone(),
            conversation_id: id.0,
            seq: 1,
            body,
            client_id,
            reply_to: None,
            created_at: "2026-01-01T00:00:00.000Z".to_owned(),
            edited_at: None,
            deleted_at: None,
        }))
    }

    #[oai(path = "/v1/conversations/:id/messages", method = "get")]
    async fn history(&self, #[oai(name = "id")] _id: Path<String>, limit: Query<Option<u32>>) -> Binary<Bytes> {
        let _ = limit;
        self.answer(Read::History)
    }

    #[oai(path = "/v1/conversations", method = "get")]
    async fn list(&self) -> Binary<Bytes> {
        self.answer(Read::List)
    }

    #[oai(path = "/v1/me", method = "get")]
    async fn me(&self) -> Binary<Bytes> {
        self.answer(Read::Me)
    }
}

impl Nothing {
    fn answer(&self, read: Read) -> Binary<Bytes> {
        Binary(self.answers.get().and_then(|answers| answers.get(&read)).cloned().unwrap_or_default())
    }
}
