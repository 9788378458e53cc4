//! The sections of the mirror: `[server]`, `[users]` and `[models]`.

use super::key::Key;
use super::key::Preset::{Is, Unset};
use crate::value::Kind::{Age, Flag, Number, Path, Text, Texts, Token, Word};

pub(super) const KEYS: &[Key] = &[
    // [server]
    Key::new(
        "server.listen",
        Texts,
        Is("127.0.0.1:8090"),
        "Addresses to listen on: ADDRESS:PORT, `unix:PATH`, or `systemd` for socket activation.",
        "[\"0.0.0.0:8090\", \"unix:/run/model-cache.sock\"]",
        |s, _, v| s.server.listen = v.texts(),
    )
    .variable("MODEL_CACHE_SERVER_LISTEN"),
    Key::new(
        "server.hosts",
        Texts,
        Unset("none"),
        "Further host names of the mirror, besides loopback and the addresses it listens on.",
        "[\"hub.example.com\"]",
        |s, _, v| s.server.hosts = v.texts(),
    )
    .variable("MODEL_CACHE_SERVER_HOSTS"),
    Key::new(
        "server.refresh",
        Age,
        Is("1m"),
        "How long the commit of a branch and the visibility of a repository are cached.",
        "\"10m\"",
        |s, _, v| s.server.refresh = v.age(),
    )
    .variable("MODEL_CACHE_SERVER_REFRESH"),
    Key::new(
        "server.negative",
        Age,
        Is("10s"),
        "How long a \"not found\" of upstream is cached.",
        "\"1m\"",
        |s, _, v| s.server.negative = v.age(),
    )
    .variable("MODEL_CACHE_SERVER_NEGATIVE"),
    Key::new(
        "server.stream",
        Word(&["arriving", "verified-only"]),
        Is("arriving"),
        "When a file is served during its download: as it arrives, or once it is verified.",
        "\"verified-only\"",
        |s, _, v| s.server.verified_only = v.word() == "verified-only",
    )
    .variable("MODEL_CACHE_SERVER_STREAM"),
    Key::new(
        "server.upstream",
        Texts,
        Unset("all"),
        "Globs of the repositories that the mirror may request upstream; `*` also matches `/`.",
        "[\"org/*\", \"datasets/org/*\"]",
        |s, _, v| s.server.upstream = v.texts(),
    )
    .variable("MODEL_CACHE_SERVER_UPSTREAM"),
    Key::new(
        "server.anonymous",
        Texts,
        Unset("nothing"),
        "Globs of the repositories that are readable without a token, whatever their visibility.",
        "[\"org/open-*\"]",
        |s, _, v| s.server.anonymous = v.texts(),
    )
    .variable("MODEL_CACHE_SERVER_ANONYMOUS"),
    Key::new(
        "server.gated",
        Word(&["hidden", "hub"]),
        Is("hidden"),
        "Response for a gated repository without access: `hidden` as if it did not exist, `hub` as the Hub, with where to accept its conditions.",
        "\"hub\"",
        |s, _, v| s.server.gated_as_hub = v.word() == "hub",
    )
    .variable("MODEL_CACHE_SERVER_GATED"),
    Key::new(
        "server.open-metrics",
        Flag,
        Is("false"),
        "Serve /metrics without the admin's token.",
        "true",
        |s, _, v| s.server.open_metrics = v.flag(),
    )
    .variable("MODEL_CACHE_SERVER_OPEN_METRICS"),
    Key::new(
        "server.admin-token",
        Token,
        Unset("a new one at each start on loopback, else the unix socket only"),
        "Reference to the admin token, for downloads, pins, evictions and reloads over HTTP.",
        "{ file = \"~/.config/model-cache/admin-token\" }",
        |s, _, v| s.server.admin_token = v.token(),
    )
    .variable("MODEL_CACHE_SERVER_ADMIN_TOKEN"),
    Key::new(
        "server.rate",
        Number(1, 1_000_000),
        Is("1000"),
        "Maximum requests a second of one client; ten times as many in a burst.",
        "50",
        |s, _, v| s.server.rate = v.number(),
    )
    .variable("MODEL_CACHE_SERVER_RATE"),
    Key::new(
        "server.unknown-rate",
        Number(1, 1_000_000),
        Is("30"),
        "Maximum requests a minute to upstream for names unknown to the mirror, for one client; twice as many in a burst, eight times as many for all clients together.",
        "120",
        |s, _, v| s.server.unknown_rate = v.number(),
    )
    .variable("MODEL_CACHE_SERVER_UNKNOWN_RATE"),
    Key::new(
        "server.connections",
        Number(1, 1_000_000),
        Is("4096"),
        "Maximum number of connections; health checks and the admin get more.",
        "1024",
        |s, _, v| s.server.connections = v.number(),
    )
    .variable("MODEL_CACHE_SERVER_CONNECTIONS"),
    Key::new(
        "server.connections-per-client",
        Number(1, 1_000_000),
        Is("512"),
        "Maximum number of connections from one address.",
        "64",
        |s, _, v| s.server.connections_per_client = v.number(),
    )
    .variable("MODEL_CACHE_SERVER_CONNECTIONS_PER_CLIENT"),
    Key::new(
        "server.tls-certificate",
        Path,
        Unset("no TLS"),
        "Chain of certificates in PEM, the server's own first; needs server.tls-key.",
        "\"/etc/ssl/mirror.pem\"",
        |s, _, v| s.server.tls_certificate = v.path(),
    )
    .variable("MODEL_CACHE_SERVER_TLS_CERTIFICATE"),
    Key::new(
        "server.tls-key",
        Path,
        Unset("no TLS"),
        "Private key in PEM; needs server.tls-certificate.",
        "\"/etc/ssl/mirror.key\"",
        |s, _, v| s.server.tls_key = v.path(),
    )
    .variable("MODEL_CACHE_SERVER_TLS_KEY"),
    // [users.name]
    Key::new(
        "users.*.token-sha256",
        Text,
        Unset("required"),
        "SHA-256 of the user's token, as `model-cache token new` prints it.",
        "\"0000000000000000000000000000000000000000000000000000000000000000\"",
        |s, name, v| s.users.entry(name.to_owned()).or_default().token_sha256 = v.text().unwrap_or_default(),
    ),
    Key::new(
        "users.*.read",
        Texts,
        Unset("only server.anonymous"),
        "Globs of the repositories that the user may read; `*` also matches `/`.",
        "[\"org/*\", \"datasets/org/*\"]",
        |s, name, v| s.users.entry(name.to_owned()).or_default().read = v.texts(),
    ),
    // [models."org/name"]
    Key::new(
        "models.*.from",
        Text,
        Unset("required"),
        "Source of the model of this name: a bucket, a folder, a URL or a registered name.",
        "\"s3://bucket/prefix\"",
        |s, name, v| s.models.entry(name.to_owned()).or_default().from = v.text().unwrap_or_default(),
    ),
];
