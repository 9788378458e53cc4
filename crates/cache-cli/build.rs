//! Writes the commit into the binary, for `--version`. Outside a git checkout it does without.

use std::path::{Path, PathBuf};
use std::process::Command;

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}

fn watch(path: &Path) {
    // A path that is not there would run this script at every build.
    if path.exists() {
        println!("cargo:rerun-if-changed={}", path.display());
    }
}

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=MODEL_CACHE_COMMIT");
    let given = std::env::var("MODEL_CACHE_COMMIT").ok();
    let own = git(&["rev-parse", "--git-dir"]).map(PathBuf::from);
    let common = git(&["rev-parse", "--git-common-dir"]).map(PathBuf::from);
    if let (Some(own), Some(common)) = (own, common) {
        watch(&own.join("HEAD"));
        watch(&common.join("packed-refs"));
        if let Some(branch) = git(&["symbolic-ref", "--quiet", "HEAD"]) {
            watch(&common.join(branch));
        }
    }
    let commit =
        given.or_else(|| git(&["log", "-1", "--format=%h %cs"])).unwrap_or_else(|| "unknown commit".to_owned());
    println!("cargo:rustc-env=MODEL_CACHE_COMMIT={commit}");
}
