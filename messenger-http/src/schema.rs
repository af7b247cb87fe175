//! Checks a JSON value or a parameter against the schema that the document
//! shows, and names everything that does not fit. poem-openapi stops at the
//! first misfit and names no field.

use messenger_core::error::FieldErrors;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use serde_json::Value;
use uuid::Uuid;

/// Every misfit between a value and its schema, each with the path to it.
pub(crate) fn check(value: &Value, schema: &MetaSchemaRef, registry: &Registry) -> FieldErrors {
    let mut errors = FieldErrors::new();
    Checker { registry, errors: &mut errors }.check("", value, schema);
    errors
}

/// The schema itself, behind a reference if need be.
pub(crate) fn resolve<'a>(schema: &'a MetaSchemaRef, registry: &'a Registry) -> Option<&'a MetaSchema> {
    match schema {
        MetaSchemaRef::Inline(schema) => Some(schema),
        MetaSchemaRef::Reference(name) => registry.schemas.get(name),
    }
}

struct Checker<'a> {
    registry: &'a Registry,
    errors: &'a mut FieldErrors,
}

impl Checker<'_> {
    fn check(&mut self, path: &str, value: &Value, schema: &MetaSchemaRef) {
        let Some(schema) = resolve(schema, self.registry) else { return };
        if value.is_null() {
            if !schema.nullable {
                self.misfit(path, "must not be null");
            }
            return;
        }
        if !schema.one_of.is_empty() {
            return self.check_one_of(path, value, schema);
        }
        for part in &schema.all_of {
            self.check(path, value, part);
        }
        match schema.ty {
            "object" => self.check_object(path, value, schema),
            "array" => self.check_array(path, value, schema),
            "string" => self.check_string(path, value, schema),
            "integer" => self.check_integer(path, value, schema),
            "boolean" if !value.is_boolean() => self.misfit(path, "must be true or false"),
            _ => {}
        }
    }

    fn check_object(&mut self, path: &str, value: &Value, schema: &MetaSchema) {
        let Some(object) = value.as_object() else { return self.misfit(path, "must be an object") };
        for (name, property) in &schema.properties {
            let path = if path.is_empty() { (*name).to_owned() } else { format!("{path}.{name}") };
            match object.get(*name) {
                Some(value) => self.check(&path, value, property),
                None if schema.required.contains(name) => self.misfit(&path, "is missing"),
                None => {}
            }
        }
    }

    fn check_array(&mut self, path: &str, value: &Value, schema: &MetaSchema) {
        let Some(items) = value.as_array() else { return self.misfit(path, "must be an array") };
        if let Some(schema) = &schema.items {
            for (index, item) in items.iter().enumerate() {
                self.check(&format!("{path}[{index}]"), item, schema);
            }
        }
    }

    fn check_string(&mut self, path: &str, value: &Value, schema: &MetaSchema) {
        let Some(text) = value.as_str() else { return self.misfit(path, "must be a string") };
        if let Err(message) = check_text(text, schema) {
            self.misfit(path, message);
        }
    }

    fn check_integer(&mut self, path: &str, value: &Value, schema: &MetaSchema) {
        match value.as_i64() {
            None => self.misfit(path, "must be an integer of 64 bits"),
            Some(number) => {
                if let Err(message) = check_range(number, schema) {
                    self.misfit(path, message);
                }
            }
        }
    }

    /// Of several schemas the value has to fit one. Which one is meant is told
    /// by the discriminator, or else by the properties that are there.
    fn check_one_of(&mut self, path: &str, value: &Value, schema: &MetaSchema) {
        let Some(object) = value.as_object() else { return self.misfit(path, "must be an object") };
        if let Some(discriminator) = &schema.discriminator {
            let property = discriminator.property_name;
            let chosen = object.get(property).and_then(Value::as_str).and_then(|word| {
                let reference = &discriminator.mapping.iter().find(|(known, _)| known == word)?.1;
                let name = reference.rsplit('/').next()?;
                Some(MetaSchemaRef::Reference(name.to_owned()))
            });
            return match (chosen, object.contains_key(property)) {
                (Some(chosen), _) => self.check(path, value, &chosen),
                (None, false) => self.misfit(&join(path, property), "is missing"),
                (None, true) => {
                    let words = discriminator.mapping.iter().map(|(word, _)| word.as_str());
                    self.misfit(&join(path, property), one_of(words));
                }
            };
        }
        let required = |option: &MetaSchemaRef| resolve(option, self.registry).map(|schema| schema.required.clone());
        let candidates: Vec<_> = schema.one_of.iter().filter_map(|option| Some((option, required(option)?))).collect();
        let names: Vec<_> = candidates.iter().flat_map(|(_, required)| required).copied().collect();
        let meant: Vec<_> = candidates
            .iter()
            .filter(|(_, required)| required.iter().any(|name| object.contains_key(*name)))
            .map(|(option, _)| *option)
            .collect();
        if let [only] = meant[..] {
            return self.check(path, value, only);
        }
        let message = format!("give exactly one of {}", names.join(", "));
        for name in names {
            self.misfit(&join(path, name), message.clone());
        }
    }

    fn misfit(&mut self, path: &str, message: impl Into<String>) {
        // RFC 9535 calls the whole document `$`.
        self.errors.push(if path.is_empty() { "$" } else { path }, message);
    }
}

fn join(path: &str, property: &str) -> String {
    if path.is_empty() { property.to_owned() } else { format!("{path}.{property}") }
}

fn one_of<'a>(words: impl Iterator<Item = &'a str>) -> String {
    format!("must be one of {}", words.map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", "))
}

fn check_text(text: &str, schema: &MetaSchema) -> Result<(), String> {
    if !schema.enum_items.is_empty() && !schema.enum_items.iter().any(|item| item == text) {
        return Err(one_of(schema.enum_items.iter().filter_map(Value::as_str)));
    }
    match schema.format {
        Some("uuid") if !is_uuid(text) => Err("must be a UUID".to_owned()),
        _ => Ok(()),
    }
}

/// The 36 characters of RFC 9562 alone: the `uuid` crate also takes braces,
/// URNs and no hyphens at all.
fn is_uuid(text: &str) -> bool {
    text.len() == 36 && Uuid::try_parse(text).is_ok()
}

#[allow(clippy::cast_precision_loss, reason = "bounds in schemas are small whole numbers")]
fn check_range(number: i64, schema: &MetaSchema) -> Result<(), String> {
    let below = schema.minimum.is_some_and(|minimum| (number as f64) < minimum);
    let above = schema.maximum.is_some_and(|maximum| (number as f64) > maximum);
    match (schema.minimum, schema.maximum) {
        _ if !(below || above) => Ok(()),
        (Some(minimum), Some(maximum)) => Err(format!("must be {minimum} to {maximum}")),
        (Some(minimum), None) => Err(format!("must be {minimum} or more")),
        (_, maximum) => Err(format!("must be {} or less", maximum.unwrap_or_default())),
    }
}

/// What is wrong with a parameter's text, if anything.
pub(crate) fn check_parameter(text: &str, schema: &MetaSchemaRef, registry: &Registry) -> Result<(), String> {
    let Some(schema) = resolve(schema, registry) else { return Ok(()) };
    match schema.ty {
        "integer" => {
            let number = text.parse().map_err(|_| "must be an integer of 64 bits".to_owned())?;
            check_range(number, schema)
        }
        "boolean" if text != "true" && text != "false" => Err("must be true or false".to_owned()),
        "string" => check_text(text, schema),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{MeChanges, Message, NewConversation, NewFriendRequest, NewMessage, ReadMarker};
    use poem_openapi::types::{Example, ToJSON, Type};
    use serde_json::json;

    fn misfits<T: Type>(value: &Value) -> Vec<String> {
        let mut registry = Registry::new();
        T::register(&mut registry);
        let errors = check(value, &T::schema_ref(), &registry);
        errors.iter().map(|error| format!("{}: {}", error.field, error.message)).collect()
    }

    #[test]
    fn everything_wrong_is_named_at_once() {
        let body = json!({"body": 7, "client_id": true, "reply_to": "1234"});
        assert_eq!(
            misfits::<NewMessage>(&body),
            ["body: must be a string", "client_id: must be a string", "reply_to: must be a UUID"]
        );
        assert_eq!(misfits::<NewMessage>(&json!({})), ["body: is missing"]);
        assert_eq!(misfits::<NewMessage>(&json!([])), ["$: must be an object"]);
        assert_eq!(misfits::<NewMessage>(&json!(null)), ["$: must not be null"]);
    }

    #[test]
    fn null_is_welcome_only_where_the_schema_says_so() {
        assert!(misfits::<NewMessage>(&json!({"body": "a", "client_id": null, "reply_to": null})).is_empty());
        assert_eq!(misfits::<NewMessage>(&json!({"body": null})), ["body: must not be null"]);
        assert!(misfits::<MeChanges>(&json!({"bio": null})).is_empty());
        assert_eq!(misfits::<MeChanges>(&json!({"display_name": null})), ["display_name: must not be null"]);
    }

    #[test]
    fn an_array_names_the_item_by_its_index() {
        let id = "0198c0de-0001-7000-8000-000000000001";
        let body = json!({"kind": "group", "title": "a", "member_ids": [id, 3, "x"]});
        assert_eq!(
            misfits::<NewConversation>(&body),
            ["member_ids[1]: must be a string", "member_ids[2]: must be a UUID"]
        );
    }

    #[test]
    fn the_discriminator_chooses_the_schema() {
        assert_eq!(misfits::<NewConversation>(&json!({"kind": "direct"})), ["user_id: is missing"]);
        let missing = misfits::<NewConversation>(&json!({"kind": "group"}));
        assert_eq!(missing, ["title: is missing", "member_ids: is missing"]);
        assert_eq!(misfits::<NewConversation>(&json!({})), ["kind: is missing"]);
        let unknown = misfits::<NewConversation>(&json!({"kind": "secret"}));
        assert_eq!(unknown, ["kind: must be one of \"direct\", \"group\""]);
        assert_eq!(misfits::<NewConversation>(&json!({"kind": 1})), unknown);
    }

    #[test]
    fn exactly_one_of_two_is_demanded() {
        let neither = misfits::<NewFriendRequest>(&json!({}));
        assert_eq!(
            neither,
            ["user_id: give exactly one of user_id, username", "username: give exactly one of user_id, username"]
        );
        let id = "0198c0de-0001-7000-8000-000000000001";
        assert_eq!(misfits::<NewFriendRequest>(&json!({"user_id": id, "username": "bob"})), neither);
        assert_eq!(misfits::<NewFriendRequest>(&json!({"user_id": "bob"})), ["user_id: must be a UUID"]);
        assert!(misfits::<NewFriendRequest>(&json!({"username": "bob"})).is_empty());
    }

    #[test]
    fn an_integer_is_whole_and_fits() {
        for wrong in [json!(1.5), json!("1"), json!(9_223_372_036_854_775_808_u64)] {
            assert_eq!(misfits::<ReadMarker>(&json!({"seq": wrong})), ["seq: must be an integer of 64 bits"]);
        }
    }

    #[test]
    fn a_uuid_has_one_spelling() {
        for wrong in ["0198c0de00017000800000000000001a", "{0198c0de-0001-7000-8000-000000000001}", "", "me"] {
            assert!(!is_uuid(wrong), "{wrong}");
        }
        assert!(is_uuid("0198C0DE-0001-7000-8000-000000000001"));
    }

    #[test]
    fn an_answer_fits_its_own_schema() {
        let answer = Message::example().to_json().expect("an object");
        assert!(misfits::<Message>(&answer).is_empty());
    }
}
