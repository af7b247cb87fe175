//! The `AsyncAPI` document: what the live transports send, which OpenAPI has
//! no words for.
//!
//! - [`schemas`](self::schemas): the events, from the wire's own types;
//! - [`channels`](self::channels): what each transport makes of them.

mod channels;
mod schemas;

use serde_json::{Value, json};

const DESCRIPTION: &str = "\
Everything that happens to a user, as it happens: the live side of the messenger. The operations, the long poll among \
them, are told by `openapi.json`.

- **Two transports, one stream**: server-sent events and WebSocket carry the same events, in the same order, and each \
goes on from a cursor that the other gave.
- **Nothing is lost**: connect with the cursor of the last event that you have dealt with, and every later one comes, \
then `caught_up`, then what happens next. A connection that does not keep up is closed, never thinned out: when 512 \
events wait for it, or when it takes nothing for 10 seconds, over server-sent events for 30. A WebSocket's close frame \
waits 20 seconds more to be read.
- **Order** holds within each conversation, and within what concerns the user alone.
- **Events carry the present state** of what they name, so that seeing one twice does no harm; `data` is null when that \
is gone.
- **Kinds may be added**: pass over one that you do not know. Fields may be added, too.
";

/// The `AsyncAPI` document as JSON, for an app that is mounted at `base_path`
/// (empty at the root).
pub fn asyncapi_document(base_path: &str) -> Value {
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "messenger",
            "version": env!("CARGO_PKG_VERSION"),
            "description": DESCRIPTION,
            "license": {"name": "MIT OR Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {"http": server("http", base_path), "ws": server("ws", base_path)},
        "channels": {"stream": channels::stream(), "socket": channels::socket()},
        "operations": {
            "stream_events": {
                "action": "send",
                "channel": {"$ref": "#/channels/stream"},
                "summary": "Stream events",
                "description": "The server sends what happens, for as long as the connection is open.",
                "security": [{"$ref": "#/components/securitySchemes/bearer"}],
                "bindings": {"http": {"method": "GET", "query": channels::query(&["after"]), "bindingVersion": "0.3.0"}},
            },
            "send_events": {
                "action": "send",
                "channel": {"$ref": "#/channels/socket"},
                "summary": "Send events over a WebSocket",
                "description": "The server sends what happens, for as long as the connection is open. It answers \
                                pings, and expects nothing else of the client.",
                "security": [
                    {"$ref": "#/components/securitySchemes/bearer"},
                    {"$ref": "#/components/securitySchemes/ticket"},
                ],
            },
        },
        "components": {
            "schemas": schemas::all(),
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The access token. A connection lives as long as its session, not its token.",
                },
                "ticket": {
                    "type": "httpApiKey",
                    "in": "query",
                    "name": "ticket",
                    "description": "From `POST /v1/events/ticket`, for browsers, which cannot send a header with a \
                                    WebSocket. Works once.",
                },
            },
        },
    })
}

/// The document as text, as it is checked in and served.
pub fn asyncapi_text(base_path: &str) -> String {
    format!("{:#}\n", asyncapi_document(base_path))
}

fn server(protocol: &str, base_path: &str) -> Value {
    json!({
        "host": "{host}",
        "pathname": if base_path.is_empty() { "/" } else { base_path },
        "protocol": protocol,
        "description": format!("`{protocol}s` where TLS ends before the server."),
        "variables": {"host": {"default": "127.0.0.1:8080", "description": "Where the server listens."}},
    })
}
