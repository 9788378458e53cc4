//! The sections `[verify]`, `[log]` and `[project]`.

use super::key::Key;
use super::key::Preset::{Is, Unset};
use super::key::Project::{May, MayOnly};
use crate::settings::{DigestPolicy, LogFormat};
use crate::value::Kind::{Folders, Text, Word};

pub(super) const KEYS: &[Key] = &[
    // [verify]
    Key::new(
        "verify.digest",
        Word(&["off", "warn", "require"]),
        Is("warn"),
        "Whether files without a checksum are accepted silently, with a warning, or refused. Checksum mismatches are always refused.",
        "\"require\"",
        |s, _, v| {
            s.verify.digest = match v.word() {
                "off" => DigestPolicy::Off,
                "require" => DigestPolicy::Require,
                _ => DigestPolicy::Warn,
            }
        },
    )
    .variable("MODEL_CACHE_DIGEST")
    .project(MayOnly("require")),
    // [log]
    Key::new(
        "log.level",
        Text,
        Unset("no log"),
        "Log level on stderr: error, warn, info, debug, trace, or a filter such as cache_net=trace.",
        "\"info\"",
        |s, _, v| s.log.level = v.text(),
    )
    .variable("MODEL_CACHE_LOG")
    .project(May),
    Key::new(
        "log.format",
        Word(&["text", "json"]),
        Is("text"),
        "Format of log lines.",
        "\"json\"",
        |s, _, v| s.log.format = if v.word() == "json" { LogFormat::Json } else { LogFormat::Text },
    )
    .variable("MODEL_CACHE_LOG_FORMAT")
    .project(May),
    // [project]
    Key::new(
        "project.trust",
        Folders,
        Unset("none"),
        "Folders whose model-cache.toml, there and below, may set every key.",
        "[\"~/work\"]",
        |s, _, v| s.project.trust = v.folders(),
    )
    .variable("MODEL_CACHE_TRUST"),
];
