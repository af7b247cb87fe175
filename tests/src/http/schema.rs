//! Checks values against schemas of the OpenAPI document.
//!
//! It knows the part of JSON Schema that the document uses and no more: an
//! unknown keyword is an error, so that no promise goes unchecked. Objects are
//! closed: a property that the schema does not tell is a misfit.

use serde_json::{Map, Value};

/// The schemas of a document.
pub struct Schemas<'a>(&'a Value);

/// What says nothing about which values fit.
const ANNOTATIONS: [&str; 7] =
    ["description", "title", "example", "default", "discriminator", "x-extensible-enum", "nullable"];

impl<'a> Schemas<'a> {
    /// The schemas of this document.
    pub fn of(document: &'a Value) -> Self {
        Self(&document["components"]["schemas"])
    }

    /// The schema itself, behind a reference if need be.
    pub fn resolve(&self, schema: &'a Value) -> &'a Value {
        match schema["$ref"].as_str() {
            Some(reference) => {
                let name = reference.strip_prefix("#/components/schemas/").expect("a reference to a schema");
                self.0.get(name).unwrap_or_else(|| panic!("{reference} leads nowhere"))
            }
            None => schema,
        }
    }

    /// Everything about a value that does not fit, each with the path to it.
    pub fn misfits(&self, schema: &'a Value, value: &Value) -> Vec<String> {
        let mut misfits = vec![];
        self.check("$", schema, value, &mut misfits);
        misfits
    }

    fn check(&self, path: &str, schema: &'a Value, value: &Value, misfits: &mut Vec<String>) {
        let schema = self.resolve(schema);
        let mut misfit = |text: String| misfits.push(format!("{path} {text}"));
        if value.is_null() {
            if schema["nullable"] != true {
                misfit("is null and not nullable".to_owned());
            }
            return;
        }
        let Some(keywords) = schema.as_object() else { return misfit("has no schema".to_owned()) };
        for (keyword, rule) in keywords {
            match keyword.as_str() {
                "type" => check_type(rule, value, &mut misfit),
                "format" => check_format(rule, value, &mut misfit),
                "enum" if !rule.as_array().is_some_and(|words| words.contains(value)) => {
                    misfit(format!("is {value} and none of {rule}"));
                }
                "minLength" | "maxLength" | "minimum" | "maximum" | "maxItems" => {
                    check_bound(keyword, rule, value, &mut misfit);
                }
                // Open on purpose; one that is not said to be open is closed.
                "additionalProperties" if *rule == true => {}
                "enum" | "properties" | "required" | "items" | "allOf" | "oneOf" => {}
                other if ANNOTATIONS.contains(&other) => {}
                other => misfit(format!("has a schema with `{other}`, which this check does not know")),
            }
        }
        for part in schema["allOf"].as_array().into_iter().flatten() {
            self.check(path, part, value, misfits);
        }
        if let Some(options) = schema["oneOf"].as_array() {
            self.check_one_of(path, options, value, misfits);
        }
        if let (Some(items), Some(values)) = (schema.get("items"), value.as_array()) {
            for (index, value) in values.iter().enumerate() {
                self.check(&format!("{path}[{index}]"), items, value, misfits);
            }
        }
        if let (Some(properties), Some(object)) = (schema["properties"].as_object(), value.as_object()) {
            self.check_object(path, schema, properties, object, misfits);
        }
    }

    fn check_object(
        &self,
        path: &str,
        schema: &'a Value,
        properties: &'a Map<String, Value>,
        object: &Map<String, Value>,
        misfits: &mut Vec<String>,
    ) {
        for (name, value) in object {
            match properties.get(name) {
                Some(property) => self.check(&format!("{path}.{name}"), property, value, misfits),
                None => misfits.push(format!("{path}.{name} is not in the schema")),
            }
        }
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !object.contains_key(name) {
                misfits.push(format!("{path}.{name} is missing"));
            }
        }
    }

    fn check_one_of(&self, path: &str, options: &'a [Value], value: &Value, misfits: &mut Vec<String>) {
        let tried: Vec<_> = options.iter().map(|option| self.misfits(option, value)).collect();
        let fitting = tried.iter().filter(|misfits| misfits.is_empty()).count();
        if fitting != 1 {
            misfits.push(format!("{path} fits {fitting} of the schemas of `oneOf`: {tried:?}"));
        }
    }
}

fn check_type(rule: &Value, value: &Value, misfit: &mut impl FnMut(String)) {
    let fits = match rule.as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64(),
        Some("boolean") => value.is_boolean(),
        _ => false,
    };
    if !fits {
        misfit(format!("is {value} and not of type {rule}"));
    }
}

fn check_format(rule: &Value, value: &Value, misfit: &mut impl FnMut(String)) {
    let text = value.as_str().unwrap_or_default();
    let fits = match rule.as_str() {
        Some("uuid") => is_shaped(text, "hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh"),
        Some("date-time") => is_shaped(text, "dddd-dd-ddTdd:dd:dd.dddZ"),
        Some("email") => text.contains('@'),
        Some("int64") => value.is_i64(),
        Some("password") => value.is_string(),
        _ => false,
    };
    if !fits {
        misfit(format!("is {value} and not of format {rule}"));
    }
}

/// `h` stands for a hexadecimal digit in lower case, `d` for a digit.
fn is_shaped(text: &str, shape: &str) -> bool {
    text.len() == shape.len()
        && text.bytes().zip(shape.bytes()).all(|(byte, shape)| match shape {
            b'h' => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
            b'd' => byte.is_ascii_digit(),
            shape => byte == shape,
        })
}

fn check_bound(keyword: &str, rule: &Value, value: &Value, misfit: &mut impl FnMut(String)) {
    let size = match keyword {
        "minLength" | "maxLength" => value.as_str().and_then(|text| i64::try_from(text.chars().count()).ok()),
        "maxItems" => value.as_array().and_then(|items| i64::try_from(items.len()).ok()),
        _ => value.as_i64(),
    };
    let (Some(size), Some(bound)) = (size, rule.as_i64()) else {
        return misfit(format!("cannot be held against {keyword} {rule}"));
    };
    let fits = if keyword.starts_with("min") { size >= bound } else { size <= bound };
    if !fits {
        misfit(format!("is {value}, against {keyword} {rule}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn misfits(schema: &Value, value: &Value) -> Vec<String> {
        let document = json!({"components": {"schemas": {
            "Named": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}},
            "Counted": {"type": "object", "required": ["count"], "properties": {
                "count": {"type": "integer", "format": "int64"},
            }},
        }}});
        Schemas::of(&document).misfits(schema, value)
    }

    #[test]
    fn what_fits_has_no_misfits() {
        let named = json!({"$ref": "#/components/schemas/Named"});
        assert!(misfits(&named, &json!({"name": "a"})).is_empty());
        let nullable = json!({"nullable": true, "allOf": [named]});
        assert!(misfits(&nullable, &json!(null)).is_empty());
        assert!(misfits(&nullable, &json!({"name": "a"})).is_empty());
        let time = json!({"type": "string", "format": "date-time"});
        assert!(misfits(&time, &json!("2026-01-01T00:00:00.000Z")).is_empty());
    }

    #[test]
    fn every_kind_of_misfit_is_found() {
        let named = json!({"$ref": "#/components/schemas/Named"});
        let either = json!({"oneOf": [named, {"$ref": "#/components/schemas/Counted"}]});
        let cases = [
            (&named, json!(null), "$ is null"),
            (&named, json!([]), "not of type"),
            (&named, json!({}), "$.name is missing"),
            (&named, json!({"name": null}), "$.name is null"),
            (&named, json!({"name": "a", "secret": 1}), "$.secret is not in the schema"),
            (&either, json!({"name": "a", "count": 1}), "fits 0"),
            (&either, json!({}), "fits 0"),
            (&json!({"type": "array", "items": {"type": "boolean"}}), json!([true, 1]), "$[1] is 1"),
            (&json!({"type": "integer"}), json!(1.5), "not of type"),
            (&json!({"type": "string", "format": "uuid"}), json!("0198C0DE-0001-7000-8000-000000000001"), "format"),
            (&json!({"type": "string", "format": "date-time"}), json!("2026-01-01T00:00:00Z"), "format"),
            (&json!({"type": "string", "enum": ["a"]}), json!("b"), "none of"),
            (&json!({"type": "string", "maxLength": 2}), json!("äöü"), "maxLength"),
            (&json!({"type": "integer", "minimum": 1}), json!(0), "minimum"),
            (&json!({"type": "string", "pattern": "a"}), json!("a"), "`pattern`"),
        ];
        for (schema, value, expected) in cases {
            let found = misfits(schema, &value);
            assert!(found.iter().any(|misfit| misfit.contains(expected)), "{schema} {value}: {found:?}");
        }
    }
}
