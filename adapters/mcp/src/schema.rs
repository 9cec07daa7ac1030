//! JSON Schemas of what tools take and give.

use std::sync::Arc;

use rmcp::model::JsonObject;
use schemars::{JsonSchema, Schema, generate::SchemaSettings, transform::RecursiveTransform};

/// The schema of what is read.
pub(crate) fn input<T: JsonSchema>() -> Arc<JsonObject> {
    object::<T>(SchemaSettings::draft2020_12())
}

/// The schema of what is written.
pub(crate) fn output<T: JsonSchema>() -> Arc<JsonObject> {
    object::<T>(SchemaSettings::draft2020_12().for_serialize())
}

fn object<T: JsonSchema>(settings: SchemaSettings) -> Arc<JsonObject> {
    // Validators warn about formats that they do not know, and `uint64` is Rust's.
    let without_formats = RecursiveTransform(|schema: &mut Schema| {
        schema.remove("format");
    });
    let mut settings = settings.with_transform(without_formats);
    // It is the dialect that the protocol assumes.
    settings.meta_schema = None;
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    // The tool has a title and a description of its own.
    schema.remove("title");
    schema.remove("description");
    Arc::new(schema.as_object().cloned().unwrap_or_default())
}
