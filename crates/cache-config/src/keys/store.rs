//! The sections `[store]` and `[transfer]`.

use cache_lib::StoreMode;

use super::key::Key;
use super::key::Preset::{Is, Unset};
use super::key::Project::May;
use crate::settings::EvictionPolicy;
use crate::value::Kind::{Age, Flag, Limit, Number, Path, Rate, Size, Word};

pub(super) const KEYS: &[Key] = &[
    // [store]
    Key::new(
        "store.dir",
        Path,
        Unset("model-cache in the platform's cache folder"),
        "Store folder.",
        "\"~/models\"",
        |s, _, v| s.store.dir = v.path(),
    )
    .variable("MODEL_CACHE_DIR"),
    Key::new(
        "store.mode",
        Word(&["umask", "group", "private"]),
        Is("umask"),
        "Who else can use the store: `umask` as the umask says, except private and gated models; `group` the group of its folder, all models; `private` only its owner.",
        "\"group\"",
        |s, _, v| {
            s.store.mode = match v.word() {
                "group" => StoreMode::Group,
                "private" => StoreMode::Private,
                _ => StoreMode::Umask,
            }
        },
    )
    .variable("MODEL_CACHE_MODE"),
    Key::new(
        "store.quota",
        Limit,
        Unset("no quota"),
        "Maximum size of all files; enforced after every download.",
        "\"100GB\"",
        |s, _, v| s.store.quota = v.bytes(),
    )
    .variable("MODEL_CACHE_QUOTA"),
    Key::new(
        "store.policy",
        Word(&["lru", "ttl", "size"]),
        Is("lru"),
        "What is evicted first: `lru` the least recently used, `size` the largest; `ttl` also evicts models unused for store.ttl, even below the quota.",
        "\"ttl\"",
        |s, _, v| {
            s.store.policy = match v.word() {
                "ttl" => EvictionPolicy::Ttl,
                "size" => EvictionPolicy::Size,
                _ => EvictionPolicy::Lru,
            }
        },
    )
    .variable("MODEL_CACHE_POLICY"),
    Key::new(
        "store.ttl",
        Age,
        Is("30d"),
        "With the policy `ttl`: how long an unused model is kept.",
        "\"60d\"",
        |s, _, v| s.store.ttl = v.age(),
    )
    .variable("MODEL_CACHE_TTL"),
    Key::new(
        "store.quarantine",
        Flag,
        Is("true"),
        "Whether files that failed verification are kept for inspection.",
        "false",
        |s, _, v| s.store.quarantine = v.flag(),
    )
    .variable("MODEL_CACHE_QUARANTINE"),
    Key::new(
        "store.quarantine-max-age",
        Age,
        Is("7d"),
        "How long files stay in quarantine. They count toward the quota, and are deleted before any model is evicted.",
        "\"14d\"",
        |s, _, v| s.store.quarantine_max_age = v.age(),
    )
    .variable("MODEL_CACHE_QUARANTINE_MAX_AGE"),
    // [transfer]
    Key::new(
        "transfer.retries",
        Number(0, 1000),
        Is("5"),
        "How often in a row a download is retried without progress.",
        "10",
        |s, _, v| s.transfer.retries = v.number(),
    )
    .variable("MODEL_CACHE_RETRIES")
    .project(May),
    Key::new(
        "transfer.connections",
        Number(1, 1024),
        Is("32"),
        "Maximum number of connections to one host; the number in use is measured.",
        "8",
        |s, _, v| s.transfer.connections = v.number(),
    )
    .variable("MODEL_CACHE_CONNECTIONS")
    .project(May),
    Key::new(
        "transfer.jobs",
        Number(1, 1024),
        Is("16"),
        "Files downloaded in parallel.",
        "4",
        |s, _, v| s.transfer.jobs = v.number(),
    )
    .variable("MODEL_CACHE_JOBS")
    .project(May),
    Key::new(
        "transfer.limit-rate",
        Rate,
        Is("off"),
        "Maximum download rate of all connections together.",
        "\"50MB/s\"",
        |s, _, v| s.transfer.limit_rate = v.bytes(),
    )
    .variable("MODEL_CACHE_LIMIT_RATE")
    .project(May),
    Key::new(
        "transfer.memory",
        Size,
        Unset("enough for 32 connections"),
        "Maximum memory of all download buffers.",
        "\"64MiB\"",
        |s, _, v| s.transfer.memory = v.bytes(),
    )
    .variable("MODEL_CACHE_MEMORY")
    .project(May),
    Key::new(
        "transfer.stall-timeout",
        Age,
        Is("20s"),
        "A connection that is stalled for this long is closed.",
        "\"1m\"",
        |s, _, v| s.transfer.stall_timeout = v.age(),
    )
    .variable("MODEL_CACHE_STALL_TIMEOUT")
    .project(May),
    Key::new(
        "transfer.leader-timeout",
        Age,
        Is("60s"),
        "When a downloading process makes no progress for this long, one of those waiting for it takes over.",
        "\"2m\"",
        |s, _, v| s.transfer.leader_timeout = v.age(),
    )
    .variable("MODEL_CACHE_LEADER_TIMEOUT")
    .project(May),
    Key::new(
        "transfer.max-wait",
        Age,
        Is("5m"),
        "Longest wait for a rate-limiting host; a longer one is an error.",
        "\"10m\"",
        |s, _, v| s.transfer.max_wait = v.age(),
    )
    .variable("MODEL_CACHE_MAX_WAIT")
    .project(May),
    Key::new(
        "transfer.deadline",
        Age,
        Unset("no limit"),
        "Time limit for the download of one model; the same command resumes it.",
        "\"30m\"",
        |s, _, v| s.transfer.deadline = v.age(),
    )
    .variable("MODEL_CACHE_DEADLINE")
    .project(May),
];
