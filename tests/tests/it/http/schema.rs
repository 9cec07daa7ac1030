//! Whether a value is as a JSON Schema says: those parts of it that our descriptions use.

use serde_json::Value;

/// Complains about what is not as `schema` says; `root` is what references start from.
pub(super) fn complaints(root: &Value, schema: &Value, value: &Value, place: &str) -> Vec<String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let pointer = reference.trim_start_matches('#');
        return match root.pointer(pointer) {
            Some(schema) => complaints(root, schema, value, place),
            None => vec![format!("{place}: there is no {reference}")],
        };
    }
    if let Some(any) = schema["anyOf"].as_array().or_else(|| schema["oneOf"].as_array()) {
        let fits = any.iter().any(|schema| complaints(root, schema, value, place).is_empty());
        return if fits { Vec::new() } else { vec![format!("{place}: {value} is none of {any:?}")] };
    }
    let mut found = Vec::new();
    if !has_type(&schema["type"], value) {
        found.push(format!("{place}: {value} is no {}", schema["type"]));
    }
    if schema["enum"].as_array().is_some_and(|all| !all.contains(value)) {
        found.push(format!("{place}: {value} is none of {}", schema["enum"]));
    }
    if schema.get("const").is_some_and(|only| only != value) {
        found.push(format!("{place}: {value} is not {}", schema["const"]));
    }
    found.extend(complaints_within(root, schema, value, place));
    found
}

fn complaints_within(root: &Value, schema: &Value, value: &Value, place: &str) -> Vec<String> {
    let mut found = Vec::new();
    for item in value.as_array().into_iter().flatten() {
        found.extend(complaints(root, &schema["items"], item, &format!("{place}[]")));
    }
    let Some(object) = value.as_object() else { return found };
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !object.contains_key(name) {
            found.push(format!("{place}: {name} is missing"));
        }
    }
    for (name, value) in object {
        let place = format!("{place}.{name}");
        match schema["properties"].get(name).or_else(|| schema.get("additionalProperties")) {
            Some(schema) => found.extend(complaints(root, schema, value, &place)),
            None => found.push(format!("{place} is not described")),
        }
    }
    found
}

fn has_type(expect: &Value, value: &Value) -> bool {
    match expect {
        Value::Null => true,
        Value::Array(any) => any.iter().any(|one| has_type(one, value)),
        one => match one.as_str().unwrap_or_default() {
            "null" => value.is_null(),
            "boolean" => value.is_boolean(),
            "integer" => value.is_i64() || value.is_u64(),
            "number" => value.is_number(),
            "string" => value.is_string(),
            "array" => value.is_array(),
            "object" => value.is_object(),
            _ => false,
        },
    }
}

#[test]
fn what_is_wrong_is_found() {
    let root = serde_json::json!({ "d": { "n": { "type": ["integer", "null"] } } });
    let schema = serde_json::json!({
        "type": "object",
        "required": ["a"],
        "properties": { "a": { "$ref": "#/d/n" }, "b": { "type": "array", "items": { "enum": ["x"] } } },
    });
    let check = |value: Value, expect: &[&str]| {
        assert_eq!(complaints(&root, &schema, &value, "v"), expect, "{value}");
    };
    check(serde_json::json!({ "a": 1, "b": ["x"] }), &[]);
    check(serde_json::json!({ "a": null }), &[]);
    check(serde_json::json!({ "a": "1" }), &["v.a: \"1\" is no [\"integer\",\"null\"]"]);
    check(serde_json::json!({ "a": 1, "b": ["y"] }), &["v.b[]: \"y\" is none of [\"x\"]"]);
    check(serde_json::json!({ "c": 1 }), &["v: a is missing", "v.c is not described"]);
}
