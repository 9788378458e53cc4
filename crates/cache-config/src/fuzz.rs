//! Configuration files that were changed at random: JSON where they begin with a brace, else TOML.

use std::path::Path;

use cache_net::AllowList;
use cache_testkit::Fuzz;

use crate::{Config, Project};

const WORDS: &[&str] = &[
    "[store]",
    "[network]",
    "[hub]",
    "[mirrors.x]",
    "[hosts.\"h\"]",
    "[users.u]",
    "[models.\"o/n\"]",
    "[server]",
    "[",
    "]",
    "{",
    "}",
    "=",
    ":",
    "\"",
    "'",
    "\n",
    ",",
    "true",
    "false",
    "10GB",
    "5m",
    "env = ",
    "file = ",
    "~",
    "~/x",
    "token = ",
    "url = ",
    "quota = ",
    "allow-internal = ",
    "10.0.0.0/8",
    "https-only = ",
    "listen = ",
    "unix:",
    "{model}",
    "*",
    "\\u0000",
];

#[test]
fn mutated_settings_are_read_or_refused() {
    let home = Path::new("/home/someone");
    let fuzzed = Fuzz::new("config", WORDS).run(|input| {
        let Ok(text) = std::str::from_utf8(input) else { return "no text".to_owned() };
        let name = if text.starts_with('{') { "/p/config.json" } else { "/p/config.toml" };
        let mut told = String::new();
        for trusted in [true, false] {
            let (config, mistakes) = Config::parse(Path::new(name), text, Some(home), trusted);
            for entry in config.entries() {
                assert!(trusted || entry.key.project != Project::MayNot, "{}", entry.name());
            }
            let _ = config.cache_builder().is_ok();
            let allowed = config.settings().network.allow_internal.iter().map(String::as_str);
            let _ = AllowList::parse(allowed).is_ok();
            let words: String = mistakes.first().map_or_else(String::new, |mistake| {
                mistake.message.chars().filter(char::is_ascii_alphabetic).take(30).collect()
            });
            told = format!("{told} {} {words}", config.entries().len().min(3));
        }
        told
    });
    assert!(fuzzed.outcomes >= 10, "{fuzzed:?}");
}
