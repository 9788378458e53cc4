//! Registered names for models that no reference of another source leads to.
//!
//! Ollama's `llama3.2:1b` becomes `llama3.2@1b`, a tag of a registered name: like Ollama's it moves to a newer version
//! when there is one. `llama3.2` alone is Ollama's `latest`, for which the versions from 1.0.0 on are kept.

use cache_local::caches::CachedName;

use crate::registry::Name;
use crate::registry::name::check_tag;
use crate::semver;
use crate::{Cache, EntryVersion, ModelId, Registry, Result, Version};

/// Ollama's tag for what is meant when none is written.
const LATEST: &str = "latest";

/// Registers a version. The text that means it from now on; `None` when all names it could have mean something else.
pub(super) fn register(cache: &Cache, called: &CachedName, version: &Version) -> Result<Option<String>> {
    cache.change_registry(|registry| {
        for name in names(called) {
            if !is_free(registry, &name, called, &version.model) {
                continue;
            }
            let tag = called.tag.as_deref().filter(|tag| *tag != LATEST).map(tag_of);
            let text = tag.as_ref().map_or_else(|| name.to_string(), |tag| format!("{name}@{tag}"));
            add(registry, &name, tag, version)?;
            return Ok(Some(text));
        }
        Ok(None)
    })
}

/// The names it could have, the shortest first.
fn names(called: &CachedName) -> impl Iterator<Item = Name> {
    let short = called.tag.is_none().then(|| Name::derived(&called.name)).flatten();
    let long = Name::derived(&called.name.replace('/', "-"));
    short.into_iter().chain(long)
}

/// Whether a name means nothing, or this model and other tags of it.
fn is_free(registry: &Registry, name: &Name, called: &CachedName, model: &ModelId) -> bool {
    let same = |reference: &str| match (model, &called.tag) {
        // Its tags lie side by side.
        (ModelId::Folder(own), Some(_)) => reference.strip_prefix("file://").is_some_and(|path| {
            let path = std::path::Path::new(path);
            path.parent() == own.parent()
        }),
        _ => reference == model.to_string(),
    };
    registry
        .get(name.as_str())
        .is_none_or(|entry| entry.versions.values().all(|version| same(version.reference.expose())))
}

fn add(registry: &mut Registry, name: &Name, tag: Option<String>, version: &Version) -> Result<()> {
    let reference = version.model.to_string();
    let known: Vec<_> = registry.get(name.as_str()).into_iter().flat_map(|entry| entry.versions.clone()).collect();
    let is_this =
        |one: &EntryVersion| one.reference.expose() == reference && one.commit.as_ref() == Some(&version.commit);
    if known.iter().any(|(_, one)| is_this(one)) {
        return Ok(());
    }
    let major = u64::from(tag.is_none());
    let highest = known.iter().filter(|(number, _)| number.major == major).map(|(number, _)| number.minor).max();
    let minor = highest.map_or(1 - major, |highest| highest.saturating_add(1));
    let mut added = EntryVersion::new(reference);
    added.commit = Some(version.commit.clone());
    added.tags = tag.into_iter().collect();
    registry.add(name, Some(semver::Version::new(major, minor, 0)), added, false).map(|_| ())
}

/// A tag as the registry can have it: lower case, and not to be taken for a version.
pub(super) fn tag_of(tag: &str) -> String {
    let lower = tag.to_ascii_lowercase();
    if check_tag(&lower).is_ok() { lower } else { format!("tag-{lower}") }
}
