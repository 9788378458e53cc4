//! The seams between crates and modules, as far as text shows them.

use crate::tidy::finding::Finding;
use crate::tidy::source::File;

/// One invariant: code that only some files may contain.
struct Seam {
    /// Crates it holds in; none means all of `crates/`.
    crates: &'static [&'static str],
    /// Code that breaks it.
    patterns: &'static [&'static str],
    /// Files that may, by the end of their path.
    except: &'static [&'static str],
    why: &'static str,
}

/// Files that read a stream, or the beginning of a file, up to a cap of their own.
const READ_STREAMS: &[&str] = &[
    "cache-fs/src/read.rs",
    "cache-store/src/index/usage.rs",
    "cache-lib/src/maintain/adopt/gguf.rs",
    "cache-lib/src/request/gguf_headers.rs",
    "cache-cli/src/commands/registry.rs",
    "cache-cli/src/commands/request.rs",
    // Of its own folders, in tests and the demo.
    "cache-testkit/src/content.rs",
    "cache-testkit/src/fuzz.rs",
    "cache-testkit/src/conformance/mod.rs",
];

const SEAMS: &[Seam] = &[
    Seam {
        crates: &["cache-core"],
        patterns: &[
            "std::fs",
            "fs_err",
            "std::net",
            "std::process",
            "std::thread",
            "tokio::",
            "File::open",
            "SystemTime",
        ],
        except: &[],
        why: "core does no I/O",
    },
    Seam {
        crates: &["cache-store"],
        patterns: &["tokio", "reqwest", "hyper", "std::net", "async fn"],
        except: &[],
        why: "the store sees no network and no runtime",
    },
    Seam {
        crates: &["cache-net", "cache-hf", "cache-local"],
        patterns: &["cache_store", "cache_transfer"],
        except: &[],
        why: "a source never sees the store",
    },
    Seam {
        crates: &["cache-transfer"],
        patterns: &["cache_net", "cache_hf", "cache_local", "reqwest", "http::"],
        except: &[],
        why: "transfer sees only dyn Source",
    },
    Seam {
        crates: &[],
        patterns: &["renameat", "fs::rename(", ".persist(", ".persist_noclobber("],
        // What is exported lies outside the store.
        except: &["cache-store/src/fs/durable.rs", "cache-lib/src/place.rs", "cache-fs/src/folder.rs"],
        why: "only store::durable renames, and it fsyncs",
    },
    Seam {
        crates: &[],
        // `cache_fs::read(` is none of them.
        patterns: &[
            " fs::read(",
            "(fs::read(",
            "&fs::read(",
            "::fs::read(",
            "fs_err::read(",
            "read_to_string(",
            "read_to_end(",
        ],
        except: READ_STREAMS,
        why: "what is read whole is read by cache_fs::read: a regular file, with a cap",
    },
    Seam {
        crates: &["cache-store"],
        patterns: &["SystemTime::now(", "Instant::now(", "getrandom", "RandomState"],
        except: &["cache-store/src/fs/clock.rs"],
        why: "one clock and one randomness: fs::clock",
    },
];

/// Names of the store's folders: code that joins one of them knows the layout.
const FOLDERS: [&str; 14] = [
    "blobs",
    "manifests",
    "refs",
    "hub",
    "models",
    "partial",
    "trash",
    "leases",
    "locks",
    "quarantine",
    "snapshots",
    "verified",
    "checked",
    "poisoned",
];
/// Files that may: the layout itself, and what reads or plays a Hugging Face cache.
const KNOW_A_LAYOUT: [&str; 3] =
    ["crates/cache-store/src/fs/layout.rs", "crates/cache-local/", "crates/cache-testkit/"];

/// All rules of this module.
pub(crate) fn check(file: &File) -> impl Iterator<Item = Finding> + use<> {
    let mut findings = Vec::new();
    // Examples and integration tests stand outside the crate, and use what they like.
    if file.is_rust() && file.path.starts_with("crates/") && file.path.contains("/src/") {
        for line in file.code().iter().filter(|line| !line.test) {
            for seam in SEAMS.iter().filter(|seam| seam.holds_in(file)) {
                for pattern in seam.patterns.iter().filter(|pattern| line.code.contains(**pattern)) {
                    findings.push(Finding::new(&file.path, line.number, format!("{pattern}: {}", seam.why)));
                }
            }
            if joins_store_path(file, line.code) {
                findings.push(Finding::new(&file.path, line.number, "only store::layout joins store paths"));
            }
        }
    }
    findings.into_iter()
}

impl Seam {
    fn holds_in(&self, file: &File) -> bool {
        (self.crates.is_empty() || self.crates.contains(&file.krate()))
            && !self.except.iter().any(|end| file.path.ends_with(end))
    }
}

/// In the store every join of a path; elsewhere the join of a folder's name.
fn joins_store_path(file: &File, code: &str) -> bool {
    if KNOW_A_LAYOUT.iter().any(|start| file.path.starts_with(start)) {
        return false;
    }
    code.match_indices(".join(").any(|(at, pattern)| {
        let argument = code.get(at + pattern.len()..).unwrap_or_default();
        let literal = argument.strip_prefix('"').and_then(|text| text.split('"').next());
        match literal {
            Some(text) => FOLDERS.iter().any(|folder| text == *folder || text.starts_with(&format!("{folder}/"))),
            // Threads and iterators are joined with nothing in between, texts with a literal.
            None => file.krate() == "cache-store" && !argument.starts_with(')'),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> usize {
        check(&File::new(path, text)).count()
    }

    #[test]
    fn each_broken_invariant_is_found() {
        for (path, text) in [
            ("crates/cache-core/src/a.rs", "use std::fs;"),
            ("crates/cache-core/src/a.rs", "async { tokio::spawn(x) }"),
            ("crates/cache-store/src/a.rs", "use reqwest::Client;"),
            ("crates/cache-store/src/a.rs", "pub async fn get() {}"),
            ("crates/cache-hf/src/a.rs", "use cache_store::Store;"),
            ("crates/cache-net/src/a.rs", "use cache_transfer::Engine;"),
            ("crates/cache-transfer/src/a.rs", "use cache_net::HttpClient;"),
            ("crates/cache-lib/src/a.rs", "fs::rename(a, b)?;"),
            ("crates/cache-store/src/a.rs", "temp.persist(path)?;"),
            ("crates/cache-hf/src/a.rs", "let token = fs_err::read_to_string(path)?;"),
            ("crates/cache-store/src/a.rs", "let bytes = fs::read(path)?;"),
            ("crates/cache-cli/src/a.rs", "file.take(10).read_to_end(&mut bytes)?;"),
            ("crates/cache-store/src/a.rs", "let now = SystemTime::now();"),
            ("crates/cache-store/src/a.rs", "let path = root.join(name);"),
            ("crates/cache-store/src/a.rs", "let path = root.join(\"blobs\");"),
            ("crates/cache-lib/src/a.rs", "let path = root.join(\"hub\");"),
            ("crates/cache-cli/src/a.rs", "let path = root.join(\"blobs/ab\");"),
            ("crates/cache-lib/src/a.rs", "let path = root.join(\"checked\").join(\"poisoned\");"),
        ] {
            assert_eq!(found(path, text), 1, "{path}: {text}");
        }
    }

    #[test]
    fn what_may_is_left_alone() {
        for (path, text) in [
            ("crates/cache-store/src/fs/layout.rs", "self.root.join(name).join(\"blobs\")"),
            ("crates/cache-store/src/fs/durable.rs", "rustix::fs::renameat_with(a, b)"),
            ("crates/cache-store/src/fs/clock.rs", "SystemTime::now()"),
            ("crates/cache-store/src/a.rs", "let text = names.join(\", \"); thread.join();"),
            ("crates/cache-store/src/a.rs", "// never fs::rename( or tokio here"),
            ("crates/cache-store/src/a.rs", "#[cfg(test)]\nmod tests {\n    dir.path().join(name);\n}"),
            ("crates/cache-lib/src/a.rs", "let bytes = cache_fs::read(path, MAX_LOCK)?;"),
            ("crates/cache-fs/src/read.rs", "file.take(cap).read_to_end(&mut bytes)"),
            ("crates/cache-lib/src/a.rs", "target.join(\"config.json\")"),
            ("xtask/src/a.rs", "fs::rename(a, b)"),
            ("crates/cache-store/examples/a.rs", "Instant::now()"),
        ] {
            assert_eq!(found(path, text), 0, "{path}: {text}");
        }
    }
}
