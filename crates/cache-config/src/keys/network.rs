//! The sections `[network]` and `[hosts]`.

use cache_lib::options::ProxySource;

use super::key::Key;
use super::key::Preset::{Is, Unset};
use super::key::Project::{May, MayOnly};
use crate::value::Kind::{Age, Flag, Number, Path, Rate, Texts, Word};

pub(super) const KEYS: &[Key] = &[
    // [network]
    Key::new("network.offline", Flag, Is("false"), "Never use the network.", "true", |s, _, v| {
        s.network.offline = v.flag()
    })
    .variable("MODEL_CACHE_OFFLINE")
    .also(&["HF_HUB_OFFLINE"])
    .project(MayOnly("true")),
    Key::new(
        "network.connect-timeout",
        Age,
        Is("10s"),
        "Timeout of a new connection: DNS, TCP and TLS together.",
        "\"30s\"",
        |s, _, v| s.network.connect_timeout = v.age(),
    )
    .variable("MODEL_CACHE_CONNECT_TIMEOUT")
    .project(May),
    Key::new("network.read-timeout", Age, Is("30s"), "Timeout of a server that sends nothing.", "\"2m\"", |s, _, v| {
        s.network.read_timeout = v.age()
    })
    .variable("MODEL_CACHE_READ_TIMEOUT")
    .project(May),
    Key::new(
        "network.ca-bundle",
        Path,
        Unset("SSL_CERT_FILE, REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE, else the platform's"),
        "Certificates in PEM to trust instead of the platform's.",
        "\"/etc/ssl/corporate.pem\"",
        |s, _, v| s.network.ca_bundle = v.path(),
    )
    .variable("MODEL_CACHE_CA_BUNDLE"),
    Key::new(
        "network.proxy",
        Word(&["environment", "none"]),
        Is("environment"),
        "Proxies: `environment` for HTTPS_PROXY, NO_PROXY and the like, or `none`.",
        "\"none\"",
        |s, _, v| s.network.proxy = if v.word() == "none" { ProxySource::None } else { ProxySource::Environment },
    )
    .variable("MODEL_CACHE_PROXY"),
    Key::new(
        "network.https-only",
        Flag,
        Is("false"),
        "Refuse plain http, also in redirects and mirrors.",
        "true",
        |s, _, v| s.network.https_only = v.flag(),
    )
    .variable("MODEL_CACHE_HTTPS_ONLY")
    .project(MayOnly("true")),
    Key::new(
        "network.allow-internal",
        Texts,
        Unset("none"),
        "Loopback, link-local or private hosts and networks that hosts on the internet may redirect to.",
        "[\"cdn.corp.example\", \"10.1.0.0/16\"]",
        |s, _, v| s.network.allow_internal = v.texts(),
    )
    .variable("MODEL_CACHE_ALLOW_INTERNAL"),
    // [hosts."name"]
    Key::new(
        "hosts.*.limit-rate",
        Rate,
        Is("off"),
        "Maximum download rate from this host.",
        "\"10MB/s\"",
        |s, host, v| s.hosts.entry(host.to_owned()).or_default().limit_rate = v.bytes(),
    )
    .project(May),
    Key::new(
        "hosts.*.connections",
        Number(1, 1024),
        Unset("transfer.connections"),
        "Maximum number of connections to this host.",
        "4",
        |s, host, v| s.hosts.entry(host.to_owned()).or_default().connections = v.number(),
    )
    .project(May),
];
