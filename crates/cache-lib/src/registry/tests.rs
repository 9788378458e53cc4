use super::*;
use crate::{Cache, ErrorKind};

fn cache() -> (tempfile::TempDir, Cache) {
    let dir = tempfile::tempdir().unwrap();
    let cache = Cache::builder().root(dir.path()).offline(true).build().unwrap();
    (dir, cache)
}

fn add(cache: &Cache, name: &str, version: &str, entry: EntryVersion) {
    let name = name.parse().unwrap();
    cache.change_registry(|registry| registry.add(&name, Some(version.parse().unwrap()), entry, false)).unwrap();
}

#[test]
fn registered_names_resolve_other_texts_stay() {
    let (_dir, cache) = cache();
    let means = |text: &str| cache.reference(text).map(|reference| reference.to_string());
    assert_eq!(means("gpt2").unwrap(), "gpt2");
    let mut entry = EntryVersion::new("org/name");
    entry.commit = Some(crate::Commit::parse(&"a".repeat(40)).unwrap());
    add(&cache, "gpt2", "1.0.0", entry);
    add(&cache, "gpt2", "2.0.0", EntryVersion::new("org/name:Q4_K_M"));
    assert_eq!(means("gpt2").unwrap(), "org/name:Q4_K_M");
    assert_eq!(means("gpt2@^1/x.bin").unwrap(), format!("org/name@{}/x.bin", "a".repeat(40)));
    assert_eq!(means("gpt2:Q8_0@1.0.0").unwrap(), format!("org/name:Q8_0@{}", "a".repeat(40)));
    assert_eq!(means("hf://gpt2").unwrap(), "gpt2");
    assert_eq!(means("gpt2/config").unwrap(), "gpt2/config", "a name has no slash behind it");
    assert_eq!(means("gpt2:Q8_0").unwrap_err().kind(), ErrorKind::Usage);
    let error = means("gpt2@main").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.hint().unwrap().contains("hf://gpt2@main"), "{error:?}");
}

#[test]
fn registry_text_round_trips_unknown_keys_refused() {
    let (_dir, cache) = cache();
    let mut entry = EntryVersion::new("org/name");
    entry.platforms.push("linux".to_owned());
    entry.tags.push("stable".to_owned());
    entry.files.insert(crate::RepoPath::parse("a/b.bin").unwrap(), "1".repeat(64).parse().unwrap());
    add(&cache, "x", "1.0.0", entry);
    let registry = cache.registry().unwrap();
    let text = registry.to_text().unwrap();
    assert_eq!(Registry::parse(&text, "it").unwrap(), registry);
    let error = Registry::parse(&text.replace("platforms", "platform"), "it").unwrap_err();
    assert!(error.message().contains("line") && error.message().contains("platform"), "{error}");
    let newer = Registry::parse("format = 2\nmore = 1\n", "it").unwrap_err();
    assert_eq!(newer.kind(), ErrorKind::Unsupported);
    for bad in ["", "format = 1\n[models.\"A/b\".\"1.0.0\"]\nreference = \"x/y\"", "\u{0}"] {
        assert_eq!(Registry::parse(bad, "it").unwrap_err().kind(), ErrorKind::Usage, "{bad:?}");
    }
}

#[test]
fn a_tag_moves_and_a_version_is_not_replaced_by_accident() {
    let (_dir, cache) = cache();
    let tagged = |reference: &str| {
        let mut entry = EntryVersion::new(reference);
        entry.tags.push("stable".to_owned());
        entry
    };
    add(&cache, "x", "1.0.0", tagged("a/b"));
    add(&cache, "x", "2.0.0", tagged("a/c"));
    assert_eq!(cache.reference("x@stable").unwrap().to_string(), "a/c");
    let name: Name = "x".parse().unwrap();
    let again = |version: Option<&str>, replace| {
        let version = version.map(|text| text.parse().unwrap());
        cache.change_registry(|registry| registry.add(&name, version, EntryVersion::new("a/d"), replace))
    };
    assert_eq!(again(Some("2.0.0"), false).unwrap_err().kind(), ErrorKind::Usage);
    assert_eq!(again(None, false).unwrap_err().kind(), ErrorKind::Usage);
    again(Some("2.0.0"), true).unwrap();
    assert_eq!(cache.reference("x@2.0.0").unwrap().to_string(), "a/d");
    assert_eq!(cache.change_registry(|registry| registry.remove("x@2.0.0")).unwrap().len(), 1);
    assert_eq!(cache.reference("x").unwrap().to_string(), "a/b");
    assert_eq!(cache.change_registry(|registry| registry.remove("y")).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn an_import_takes_all_or_nothing() {
    let (_dir, cache) = cache();
    add(&cache, "x", "1.0.0", EntryVersion::new("a/b"));
    let other = "format = 1\n[models.x.\"1.0.0\"]\nreference = \"a/c\"\n[models.y.\"1.0.0\"]\nreference = \"a/d\"\n";
    let import = |replace| {
        let other = Registry::parse(other, "it")?;
        cache.change_registry(|registry| registry.merge(other, replace))
    };
    let error = import(false).unwrap_err();
    assert!(error.message().contains("x@1.0.0"), "{error}");
    assert!(cache.registry().unwrap().get("y").is_none());
    assert_eq!(import(true).unwrap(), 2);
    assert_eq!(import(false).unwrap(), 0);
    assert_eq!(cache.reference("x").unwrap().to_string(), "a/c");
}

#[test]
fn a_version_for_other_machines_is_refused_with_those_that_fit() {
    let (_dir, cache) = cache();
    let elsewhere = if std::env::consts::OS == "macos" { "linux" } else { "macos" };
    let mut entry = EntryVersion::new("org/name");
    entry.platforms.push(elsewhere.to_owned());
    add(&cache, "x", "2.0.0", entry);
    add(&cache, "x", "1.0.0", EntryVersion::new("org/old"));
    let error = cache.resolve_name("x").unwrap().unsupported.unwrap();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.message().contains(elsewhere) && error.message().contains(std::env::consts::ARCH), "{error}");
    assert!(error.hint().unwrap().contains("1.0.0"), "{error:?}");
    assert!(cache.resolve_name("x@1.0.0").unwrap().unsupported.is_none());
    assert!(cache.reference("x").is_ok(), "removing it is possible anywhere");
}

#[test]
fn a_relative_folder_is_registered_in_full() {
    let (_dir, cache) = cache();
    let mut entry = EntryVersion::new("./models/x");
    entry.fallbacks = vec!["../y".into(), ":Q4".into()];
    add(&cache, "x", "1.0.0", entry);
    let registry = cache.registry().unwrap();
    let (_, _, found) = registry.find("x").unwrap();
    let here = std::env::current_dir().unwrap();
    assert_eq!(found.reference.to_string(), format!("file://{}", here.join("models/x").display()));
    let fallbacks: Vec<String> = found.fallbacks.iter().map(ToString::to_string).collect();
    assert!(fallbacks[0].starts_with("file:///") && fallbacks[1] == ":Q4", "{found:?}");
}
