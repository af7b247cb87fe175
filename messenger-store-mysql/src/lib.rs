//! messenger-store-mysql
