//! Looking through JSON.

use serde_json::Value;

/// Visits every value in a value, with the path to it.
pub fn walk<'a>(path: &str, value: &'a Value, visit: &mut impl FnMut(&str, &'a Value)) {
    visit(path, value);
    match value {
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| walk(&format!("{path}/{index}"), item, visit));
        }
        Value::Object(object) => object.iter().for_each(|(name, item)| walk(&format!("{path}/{name}"), item, visit)),
        _ => {}
    }
}
