//! messenger-http
