//! The table of all keys: the one place where a key is declared. Files, variables, `config show`, `config check` and
//! the reference are read from it.

use std::sync::LazyLock;

use super::settings::{DigestPolicy, LogFormat, Policy, Proxy, Settings};
use super::value::{Kind, Value};
use crate::StoreMode;

/// One key.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Key {
    /// Its name in the file, section first: `store.quota`. `*` stands for a name that the user chooses.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// What it is when nobody sets it.
    pub preset: Preset,
    /// What it means, in one line.
    pub doc: &'static str,
    /// A value to show in examples, as it is written in TOML.
    pub example: &'static str,
    /// Its environment variable; none for a key with a name of the user's.
    pub variable: Option<&'static str>,
    /// Variables of other programs that mean the same. They rank below `variable`.
    pub also: &'static [&'static str],
    /// Whether the file of a folder that is not trusted may set it.
    pub project: Project,
    pub(super) put: fn(&mut Settings, &str, &Value),
}

/// What a key is when nobody sets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    /// This value, written as in a variable.
    Is(&'static str),
    /// No value, which means this.
    Unset(&'static str),
}

/// Whether the `model-cache.toml` of a folder that is not trusted may set a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Project {
    /// It may: the key says how much and how fast.
    May,
    /// It may not: the key says where from, where to, whom to trust, or what is deleted.
    MayNot,
    /// It may choose this one, which is stricter.
    MayOnly(&'static str),
}

impl Key {
    const fn new(
        name: &'static str,
        kind: Kind,
        preset: Preset,
        doc: &'static str,
        example: &'static str,
        put: fn(&mut Settings, &str, &Value),
    ) -> Self {
        Self { name, kind, preset, doc, example, variable: None, also: &[], project: Project::MayNot, put }
    }

    const fn variable(mut self, name: &'static str) -> Self {
        self.variable = Some(name);
        self
    }

    const fn also(mut self, names: &'static [&'static str]) -> Self {
        self.also = names;
        self
    }

    const fn project(mut self, project: Project) -> Self {
        self.project = project;
        self
    }

    /// Its own environment variables, the one that counts first in front: the one in the table, and
    /// `MODEL_CACHE_<SECTION>_<KEY>`.
    pub fn variables(&self) -> impl Iterator<Item = &'static str> + use<> {
        let position = KEYS.iter().position(|key| key.name == self.name);
        let long = position.and_then(|at| LONG_NAMES.get(at)).map(String::as_str);
        let (short, long) = (self.variable, long.filter(|long| self.variable.is_some_and(|short| short != *long)));
        short.into_iter().chain(long)
    }

    /// The section it is in.
    #[must_use]
    pub fn section(&self) -> &'static str {
        self.name.split('.').next().unwrap_or_default()
    }

    /// Its own name, without section.
    #[must_use]
    pub fn leaf(&self) -> &'static str {
        self.name.rsplit('.').next().unwrap_or_default()
    }

    /// Whether its second part is a name of the user's.
    #[must_use]
    pub fn has_item(&self) -> bool {
        self.name.contains(".*.")
    }
}

use Kind::{Address, Age, Flag, Folders, Limit, Number, Path, Rate, Size, Template, Text, Texts, Token, Word};
use Preset::{Is, Unset};
use Project::{May, MayOnly};

/// The variables that are named by section and key, in the order of [`KEYS`].
static LONG_NAMES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let name = |key: &Key| format!("MODEL_CACHE_{}", key.name.replace(['.', '-'], "_").to_ascii_uppercase());
    KEYS.iter().map(name).collect()
});

/// All keys, in the order of the reference.
pub static KEYS: &[Key] = &[
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
                "ttl" => Policy::Ttl,
                "size" => Policy::Size,
                _ => Policy::Lru,
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
    // [network]
    Key::new(
        "network.offline",
        Flag,
        Is("false"),
        "Never use the network.",
        "true",
        |s, _, v| s.network.offline = v.flag(),
    )
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
    Key::new(
        "network.read-timeout",
        Age,
        Is("30s"),
        "Timeout of a server that sends nothing.",
        "\"2m\"",
        |s, _, v| s.network.read_timeout = v.age(),
    )
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
        |s, _, v| s.network.proxy = if v.word() == "none" { Proxy::None } else { Proxy::Environment },
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
    // [hub]
    Key::new(
        "hub.endpoint",
        Address,
        Is("https://huggingface.co"),
        "URL of the Hub.",
        "\"https://hub.example.com\"",
        |s, _, v| s.hub.endpoint = v.address(),
    )
    .variable("MODEL_CACHE_ENDPOINT")
    .also(&["HF_ENDPOINT"]),
    Key::new(
        "hub.token",
        Token,
        Unset("the token file of Hugging Face programs"),
        "Reference to the Hub's token, which is sent to the endpoint's scheme, host and port only.",
        "{ env = \"HUB_TOKEN\" }",
        |s, _, v| s.hub.token = v.token(),
    )
    .variable("MODEL_CACHE_TOKEN")
    .also(&["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH"]),
    Key::new(
        "hub.allow-http",
        Flag,
        Is("false"),
        "Whether the token may be sent over plain http to other machines.",
        "true",
        |s, _, v| s.hub.allow_http = v.flag(),
    )
    .variable("MODEL_CACHE_HUB_ALLOW_HTTP"),
    // [mirrors.name]
    Key::new(
        "mirrors.*.url",
        Template,
        Unset("required"),
        "URL of the mirror; `{model}` stands for the model's name.",
        "\"https://mirror.example.com/{model}\"",
        |s, name, v| s.mirrors.entry(name.to_owned()).or_default().url = v.text().unwrap_or_default(),
    ),
    Key::new(
        "mirrors.*.models",
        Texts,
        Is("*"),
        "Globs of the models that the mirror has.",
        "[\"org/*\"]",
        |s, name, v| s.mirrors.entry(name.to_owned()).or_default().models = v.texts(),
    ),
    Key::new(
        "mirrors.*.preference",
        Number(-1000, 1000),
        Is("0"),
        "Higher is used first; mirrors with the same number share the work.",
        "10",
        |s, name, v| s.mirrors.entry(name.to_owned()).or_default().preference = v.number().unwrap_or(0),
    ),
    Key::new(
        "mirrors.*.trusted",
        Flag,
        Is("false"),
        "Whether it may also list the files of a model when the source is down.",
        "true",
        |s, name, v| s.mirrors.entry(name.to_owned()).or_default().trusted = v.flag().unwrap_or(false),
    ),
    Key::new(
        "mirrors.*.token",
        Token,
        Unset("no token"),
        "Reference to the mirror's token.",
        "{ file = \"~/.config/mirror-token\" }",
        |s, name, v| s.mirrors.entry(name.to_owned()).or_default().token = v.token(),
    ),
    Key::new(
        "mirrors.*.allow-http",
        Flag,
        Is("false"),
        "Whether its token may be sent over plain http to other machines.",
        "true",
        |s, name, v| s.mirrors.entry(name.to_owned()).or_default().allow_http = v.flag().unwrap_or(false),
    ),
    // [s3]
    Key::new(
        "s3.endpoint",
        Address,
        Unset("that of AWS"),
        "URL of the service.",
        "\"https://minio.example.com:9000\"",
        |s, _, v| s.s3.endpoint = v.address(),
    )
    .variable("MODEL_CACHE_S3_ENDPOINT"),
    Key::new(
        "s3.region",
        Text,
        Unset("as the AWS CLI finds it"),
        "Region of the buckets.",
        "\"eu-central-1\"",
        |s, _, v| s.s3.region = v.text(),
    )
    .variable("MODEL_CACHE_S3_REGION"),
    Key::new(
        "s3.profile",
        Text,
        Unset("as the AWS CLI finds it"),
        "Profile of the AWS configuration.",
        "\"models\"",
        |s, _, v| s.s3.profile = v.text(),
    )
    .variable("MODEL_CACHE_S3_PROFILE"),
    Key::new(
        "s3.path-style",
        Flag,
        Is("false"),
        "Whether the bucket is in the path of the URL instead of the host name.",
        "true",
        |s, _, v| s.s3.path_style = v.flag(),
    )
    .variable("MODEL_CACHE_S3_PATH_STYLE"),
    Key::new(
        "s3.allow-http",
        Flag,
        Is("false"),
        "Whether plain http is allowed.",
        "true",
        |s, _, v| s.s3.allow_http = v.flag(),
    )
    .variable("MODEL_CACHE_S3_ALLOW_HTTP"),
    Key::new("s3.anonymous", Flag, Is("false"), "Send requests unsigned.", "true", |s, _, v| s.s3.anonymous = v.flag())
        .variable("MODEL_CACHE_S3_ANONYMOUS"),
    // [gcs]
    Key::new(
        "gcs.endpoint",
        Address,
        Unset("that of Google"),
        "URL of the service.",
        "\"https://gcs.example.com\"",
        |s, _, v| s.gcs.endpoint = v.address(),
    )
    .variable("MODEL_CACHE_GCS_ENDPOINT"),
    Key::new(
        "gcs.service-account",
        Path,
        Unset("as gcloud finds it"),
        "File of a service account's key.",
        "\"~/.config/gcs.json\"",
        |s, _, v| s.gcs.service_account = v.path(),
    )
    .variable("MODEL_CACHE_GCS_SERVICE_ACCOUNT"),
    Key::new(
        "gcs.allow-http",
        Flag,
        Is("false"),
        "Whether plain http is allowed.",
        "true",
        |s, _, v| s.gcs.allow_http = v.flag(),
    )
    .variable("MODEL_CACHE_GCS_ALLOW_HTTP"),
    Key::new("gcs.anonymous", Flag, Is("false"), "Send requests unsigned.", "true", |s, _, v| {
        s.gcs.anonymous = v.flag();
    })
    .variable("MODEL_CACHE_GCS_ANONYMOUS"),
    // [azure]
    Key::new(
        "azure.account",
        Text,
        Unset("as the Azure CLI finds it"),
        "Name of the storage account.",
        "\"models\"",
        |s, _, v| s.azure.account = v.text(),
    )
    .variable("MODEL_CACHE_AZURE_ACCOUNT"),
    Key::new(
        "azure.endpoint",
        Address,
        Unset("that of Azure"),
        "URL of the service.",
        "\"https://azure.example.com\"",
        |s, _, v| s.azure.endpoint = v.address(),
    )
    .variable("MODEL_CACHE_AZURE_ENDPOINT"),
    Key::new(
        "azure.allow-http",
        Flag,
        Is("false"),
        "Whether plain http is allowed.",
        "true",
        |s, _, v| s.azure.allow_http = v.flag(),
    )
    .variable("MODEL_CACHE_AZURE_ALLOW_HTTP"),
    Key::new("azure.anonymous", Flag, Is("false"), "Send requests unsigned.", "true", |s, _, v| {
        s.azure.anonymous = v.flag();
    })
    .variable("MODEL_CACHE_AZURE_ANONYMOUS"),
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
