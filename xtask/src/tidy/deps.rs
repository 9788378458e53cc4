//! Which crate may depend on which, as design.md draws it.

use std::path::Path;

use serde_json::Value;

use crate::failure::Result;
use crate::shell::{self, cargo, root};
use crate::tidy::finding::Finding;

/// A member of the workspace and what its manifest asks for.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    name: String,
    /// Its folder, relative to the workspace.
    pub(super) folder: String,
    pub(super) dependencies: Vec<Dependency>,
}

#[derive(Debug, Clone)]
pub(super) struct Dependency {
    pub(super) name: String,
    /// Only for tests, examples and benches.
    pub(super) dev: bool,
}

/// A member and our crates it may use outside tests.
const MAY_USE: &[(&str, &[&str])] = &[
    ("cache-core", &[]),
    ("cache-fs", &[]),
    ("cache-store", &["cache-core", "cache-fs"]),
    ("cache-net", &["cache-core", "cache-fs"]),
    ("cache-local", &["cache-core", "cache-fs"]),
    ("cache-formats", &["cache-core"]),
    ("cache-inflate", &["cache-core"]),
    ("cache-object", &["cache-core", "cache-fs", "cache-net"]),
    ("cache-testkit", &["cache-core"]),
    ("cache-transfer", &["cache-core", "cache-store"]),
    ("cache-hf", &["cache-core", "cache-fs", "cache-net"]),
    (
        "cache-lib",
        &[
            "cache-core",
            "cache-fs",
            "cache-store",
            "cache-net",
            "cache-transfer",
            "cache-formats",
            "cache-hf",
            "cache-inflate",
            "cache-local",
            "cache-object",
        ],
    ),
    ("cache-config", &["cache-fs", "cache-lib"]),
    ("cache-bundle", &["cache-core", "cache-fs", "cache-lib", "cache-store"]),
    // The testkit holds the hub that `model-cache demo` fetches from.
    ("cache-server", &["cache-config", "cache-fs", "cache-lib"]),
    ("cache-cli", &["cache-bundle", "cache-config", "cache-fs", "cache-lib", "cache-server", "cache-testkit"]),
    // It starts the command, which therefore has to be built.
    ("cache-tests", &["cache-cli"]),
    ("xtask", &["cache-cli"]),
];

/// An outside crate, and the only members that may use it outside tests.
const ONLY: &[(&str, &[&str])] = &[
    ("reqwest", &["cache-net"]),
    // A client of the mirror in the end-to-end tests; too heavy for two requests.
    ("hf-hub", &[]),
    ("object_store", &["cache-object"]),
    ("async-compression", &["cache-inflate"]),
    ("axum", &["cache-server"]),
    ("tower", &["cache-net", "cache-hf", "cache-server"]),
    ("ed25519-dalek", &["cache-bundle"]),
    ("tar", &["cache-bundle"]),
    ("zstd", &["cache-bundle"]),
    ("tower-http", &["cache-net"]),
    ("hyper", &["cache-testkit", "cache-net", "cache-server"]),
    ("hyper-util", &["cache-testkit", "cache-net", "cache-server"]),
    ("clap", &["cache-cli", "xtask"]),
    ("indicatif", &["cache-cli"]),
    ("tracing-subscriber", &["cache-cli", "cache-server"]),
    (
        "rustix",
        &[
            "cache-fs",
            "cache-store",
            "cache-local",
            "cache-lib",
            "cache-config",
            "cache-server",
            "cache-cli",
            "cache-testkit",
            "xtask",
        ],
    ),
    ("reflink-copy", &["cache-store", "cache-lib"]),
    ("wait4", &["xtask"]),
];

/// What a crate without I/O or without network must not even have at hand.
const NEVER: &[(&str, &[&str])] = &[
    ("cache-core", &["tokio", "fs-err", "tempfile", "rustix", "http", "directories"]),
    ("cache-store", &["tokio", "http", "url", "futures", "async-trait"]),
    ("cache-transfer", &["http", "url"]),
];

/// Reads the workspace's manifests through cargo.
pub(crate) fn read() -> Result<Vec<Member>> {
    let text = shell::output(&mut cargo(&["metadata", "--no-deps", "--offline", "--format-version", "1"]))?;
    Ok(members(&serde_json::from_str(&text)?))
}

pub(super) fn members(metadata: &Value) -> Vec<Member> {
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let list = |value: &Value, key: &str| value.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let dependency = |value: &Value| Dependency { name: text(value, "name"), dev: text(value, "kind") == "dev" };
    list(metadata, "packages")
        .iter()
        .map(|package| Member {
            name: text(package, "name"),
            folder: folder(&text(package, "manifest_path")),
            dependencies: list(package, "dependencies").iter().map(dependency).collect(),
        })
        .collect()
}

fn folder(manifest: &str) -> String {
    let folder = Path::new(manifest).parent().unwrap_or_else(|| Path::new(""));
    folder.strip_prefix(root()).unwrap_or(folder).to_string_lossy().into_owned()
}

/// Every dependency that the rules do not allow.
pub(crate) fn check(members: &[Member]) -> Vec<Finding> {
    let ours = |name: &str| name.starts_with("cache-") || name == "xtask";
    let mut findings = Vec::new();
    for member in members {
        let mut report = |text: String| findings.push(Finding::new(&format!("{}/Cargo.toml", member.name), 1, text));
        let Some((_, allowed)) = MAY_USE.iter().find(|(name, _)| *name == member.name) else {
            report("a new member: say in xtask/src/tidy/deps.rs what it may use".to_owned());
            continue;
        };
        for Dependency { name, dev } in &member.dependencies {
            if *dev {
                // A test may use the testkit and what is above; but core stands below the testkit.
                if member.name == "cache-core" && ours(name) {
                    report(format!("core's tests use none of our crates, not {name}"));
                }
                continue;
            }
            if ours(name) && !allowed.contains(&name.as_str()) {
                report(format!("may not depend on {name}"));
            }
            if ONLY.iter().any(|(only, users)| only == name && !users.contains(&member.name.as_str())) {
                report(format!("{name} is for other crates only"));
            }
            if NEVER.iter().any(|(user, never)| *user == member.name && never.contains(&name.as_str())) {
                report(format!("{name} has no place here"));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn member(name: &str, dependency: &str, kind: Option<&str>) -> Vec<Member> {
        members(&json!({"packages": [{"name": name, "dependencies": [{"name": dependency, "kind": kind}]}]}))
    }

    #[test]
    fn each_forbidden_dependency_is_found() {
        for (name, dependency) in [
            ("cache-core", "cache-store"),
            ("cache-core", "cache-fs"),
            ("cache-fs", "cache-core"),
            ("cache-store", "cache-net"),
            ("cache-net", "cache-store"),
            ("cache-transfer", "cache-net"),
            ("cache-hf", "cache-store"),
            ("cache-local", "cache-store"),
            ("cache-lib", "cache-testkit"),
            ("cache-cli", "cache-store"),
            ("cache-core", "tokio"),
            ("cache-store", "tokio"),
            ("cache-store", "reqwest"),
            ("cache-lib", "reqwest"),
            ("cache-lib", "clap"),
            ("cache-new", "serde"),
        ] {
            assert_eq!(check(&member(name, dependency, None)).len(), 1, "{name} -> {dependency}");
        }
        assert_eq!(check(&member("cache-core", "cache-testkit", Some("dev"))).len(), 1);
    }

    #[test]
    fn what_is_drawn_is_allowed() {
        for (name, dependency, kind) in [
            ("cache-transfer", "cache-store", None),
            ("cache-lib", "cache-hf", None),
            ("cache-cli", "cache-lib", None),
            ("cache-net", "reqwest", None),
            ("cache-store", "cache-testkit", Some("dev")),
            ("cache-store", "serde", None),
        ] {
            assert_eq!(check(&member(name, dependency, kind)), [], "{name} -> {dependency}");
        }
    }
}
