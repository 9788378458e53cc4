//! The variants of a model, as `info` shows them.

use cache_lib::units::Size;
use cache_lib::{Resolution, Variant, machine_memory};
use serde_json::{Value, json};

use super::text::count;
use crate::output::table;

/// Whether all files of a variant are in the store.
fn here(resolution: &Resolution, variant: &Variant) -> bool {
    variant.missing_parts == 0
        && variant
            .files
            .iter()
            .all(|path| resolution.files().iter().any(|state| state.file.path == *path && state.blob.is_some()))
}

fn fits(variant: &Variant) -> Option<bool> {
    Some(variant.memory()? <= machine_memory()?)
}

/// The variants, for programs.
pub(super) fn values(resolution: &Resolution, variants: &[Variant]) -> Vec<Value> {
    let value = |variant: &Variant| {
        json!({
            "name": variant.name,
            "bytes": variant.size,
            "files": variant.files,
            "missing_parts": variant.missing_parts,
            "named_by": variant.named_by,
            "cached": here(resolution, variant),
            "memory_estimate": variant.memory(),
            "fits_memory": fits(variant),
        })
    };
    variants.iter().map(value).collect()
}

/// The variants, for people.
pub(super) fn text(resolution: &Resolution, variants: &[Variant]) -> String {
    let mut rows = vec![["STATE", "SIZE", "VARIANT", "FILES", "MEMORY"].map(str::to_owned).to_vec()];
    rows.extend(variants.iter().map(|variant| {
        vec![
            if here(resolution, variant) { "local" } else { "remote" }.to_owned(),
            variant.size.map_or_else(|| "?".to_owned(), |size| Size(size).to_string()),
            variant.name.clone(),
            match variant.missing_parts {
                0 => count(variant.files.len(), "file"),
                missing => format!("{} of {} parts", variant.files.len(), variant.files.len() + missing),
            },
            match fits(variant) {
                Some(true) => "fits",
                Some(false) => "too large",
                None => "?",
            }
            .to_owned(),
        ]
    }));
    table(&rows)
}
