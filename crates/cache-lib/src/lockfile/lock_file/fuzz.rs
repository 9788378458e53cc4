//! Lockfile files that were changed at random.

use cache_testkit::Fuzz;

use super::*;

const WORDS: &[&str] = &[
    "[[models]]",
    "[[models.files]]",
    "[",
    "]",
    "{",
    "}",
    "=",
    "\"",
    "\"\"\"",
    "'",
    "\n",
    ".",
    "format = 1",
    "reference = ",
    "model = ",
    "commit = ",
    "path = ",
    "size = ",
    "sha256 = ",
    "git_sha1 = ",
    "variant = ",
    "platforms = [",
    "..",
    "/",
    "\\u0000",
    "1979-05-27",
    "inf",
    "0x",
    "#",
];

#[test]
fn mutated_locks_are_read_or_refused() {
    let fuzzed = Fuzz::new("lock", WORDS).run(|input| {
        let Ok(text) = std::str::from_utf8(input) else { return "no text".to_owned() };
        match Lockfile::parse(text, "it") {
            Ok(lock) => {
                assert_eq!(Lockfile::parse(&lock.to_text().unwrap(), "again").unwrap(), lock);
                for model in lock.models() {
                    assert!(model.files.iter().all(|file| file.sha256.is_some() || file.git_sha1.is_some()));
                    let _ = lock.find(&model.reference);
                }
                format!("{} models", lock.models().count().min(3))
            }
            Err(error) => {
                let line = error.message().lines().last().unwrap_or_default();
                line.chars().filter(char::is_ascii_alphabetic).take(40).collect()
            }
        }
    });
    assert!(fuzzed.outcomes >= 8, "{fuzzed:?}");
}
