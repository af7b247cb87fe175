//! SQL that writes many rows at once, as all stores understand it.

use uuid::Uuid;

/// The numbers from zero on, as an expression over tables.
pub struct Numbers {
    /// Each of them once; more than asked for, too.
    pub expression: String,
    /// What it stands on.
    pub tables: String,
}

impl Numbers {
    /// At least those below `count`.
    pub fn below(count: u64) -> Self {
        let digits = count.saturating_sub(1).max(1).ilog10() + 1;
        let digit = "(SELECT 0 AS d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4
                      UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9)";
        let expression: Vec<_> = (0..digits).map(|place| format!("{} * d{place}.d", 10_u64.pow(place))).collect();
        let tables: Vec<_> = (0..digits).map(|place| format!("{digit} d{place}")).collect();
        Self { expression: expression.join(" + "), tables: tables.join(" CROSS JOIN ") }
    }
}

/// An id's digits, for a literal of the form `X'…'`.
pub fn hex(id: Uuid) -> String {
    id.simple().to_string()
}
