//! messenger-store-sqlite
