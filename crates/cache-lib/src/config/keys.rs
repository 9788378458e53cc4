//! The table of all keys: the one place where a key is declared. Files, variables, `config show`, `config check` and
//! the reference are read from it.

use super::settings::{DigestPolicy, LogFormat, Policy, Proxy, Settings};
use super::value::{Kind, Value};

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

/// All keys, in the order of the reference.
pub static KEYS: &[Key] = &[
    // [store]
    Key::new(
        "store.dir",
        Path,
        Unset("model-cache in the platform's cache folder"),
        "Folder of the store.",
        "\"~/models\"",
        |s, _, v| s.store.dir = v.path(),
    )
    .variable("MODEL_CACHE_DIR"),
    Key::new(
        "store.quota",
        Limit,
        Unset("as much as the disk holds"),
        "The most that all files may take up; enforced after every fetch.",
        "\"100GB\"",
        |s, _, v| s.store.quota = v.bytes(),
    )
    .variable("MODEL_CACHE_QUOTA"),
    Key::new(
        "store.policy",
        Word(&["lru", "ttl", "size"]),
        Is("lru"),
        "What goes first: `lru` the least recently used, `size` the largest; `ttl` also evicts what was not used for store.ttl, quota or not.",
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
        "With the policy `ttl`: how long a version may lie unused.",
        "\"60d\"",
        |s, _, v| s.store.ttl = v.age(),
    )
    .variable("MODEL_CACHE_TTL"),
    Key::new(
        "store.quarantine",
        Flag,
        Is("true"),
        "Whether bytes that failed verification are kept to be looked at.",
        "false",
        |s, _, v| s.store.quarantine = v.flag(),
    )
    .variable("MODEL_CACHE_QUARANTINE"),
    Key::new(
        "store.quarantine-max-age",
        Age,
        Unset("until they are removed"),
        "How long bytes stay in quarantine.",
        "\"14d\"",
        |s, _, v| s.store.quarantine_max_age = v.age(),
    )
    .variable("MODEL_CACHE_QUARANTINE_MAX_AGE"),
    // [transfer]
    Key::new(
        "transfer.retries",
        Number(0, 1000),
        Is("5"),
        "How often in a row a transfer may fail without progress before it is given up.",
        "10",
        |s, _, v| s.transfer.retries = v.number(),
    )
    .variable("MODEL_CACHE_RETRIES")
    .project(May),
    Key::new(
        "transfer.connections",
        Number(1, 1024),
        Is("32"),
        "Most connections to one host; how many are used is found by measuring.",
        "8",
        |s, _, v| s.transfer.connections = v.number(),
    )
    .variable("MODEL_CACHE_CONNECTIONS")
    .project(May),
    Key::new(
        "transfer.jobs",
        Number(1, 1024),
        Is("16"),
        "Files fetched side by side.",
        "4",
        |s, _, v| s.transfer.jobs = v.number(),
    )
    .variable("MODEL_CACHE_JOBS")
    .project(May),
    Key::new(
        "transfer.limit-rate",
        Rate,
        Is("off"),
        "The most that all transfers together may take.",
        "\"50MB/s\"",
        |s, _, v| s.transfer.limit_rate = v.bytes(),
    )
    .variable("MODEL_CACHE_LIMIT_RATE")
    .project(May),
    Key::new(
        "transfer.memory",
        Size,
        Unset("what 32 connections need"),
        "The most memory that the buffers of all transfers may take.",
        "\"64MiB\"",
        |s, _, v| s.transfer.memory = v.bytes(),
    )
    .variable("MODEL_CACHE_MEMORY")
    .project(May),
    Key::new(
        "transfer.stall-timeout",
        Age,
        Is("20s"),
        "A connection that brings next to nothing for this long is given up.",
        "\"1m\"",
        |s, _, v| s.transfer.stall_timeout = v.age(),
    )
    .variable("MODEL_CACHE_STALL_TIMEOUT")
    .project(May),
    // [network]
    Key::new(
        "network.offline",
        Flag,
        Is("false"),
        "Never ask the network.",
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
        "Longest wait for a connection: name lookup, TCP and TLS together.",
        "\"30s\"",
        |s, _, v| s.network.connect_timeout = v.age(),
    )
    .variable("MODEL_CACHE_CONNECT_TIMEOUT")
    .project(May),
    Key::new(
        "network.read-timeout",
        Age,
        Is("30s"),
        "Longest silence of a server.",
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
        "Proxies: as HTTPS_PROXY, NO_PROXY and the like say, or none at all.",
        "\"none\"",
        |s, _, v| s.network.proxy = if v.word() == "none" { Proxy::None } else { Proxy::Environment },
    )
    .variable("MODEL_CACHE_PROXY"),
    // [hosts."name"]
    Key::new(
        "hosts.*.limit-rate",
        Rate,
        Is("off"),
        "The most that transfers from this host may take.",
        "\"10MB/s\"",
        |s, host, v| s.hosts.entry(host.to_owned()).or_default().limit_rate = v.bytes(),
    )
    .project(May),
    Key::new(
        "hosts.*.connections",
        Number(1, 1024),
        Unset("transfer.connections"),
        "Most connections to this host.",
        "4",
        |s, host, v| s.hosts.entry(host.to_owned()).or_default().connections = v.number(),
    )
    .project(May),
    // [hub]
    Key::new(
        "hub.endpoint",
        Address,
        Is("https://huggingface.co"),
        "Address of the Hub.",
        "\"https://hub.example.com\"",
        |s, _, v| s.hub.endpoint = v.address(),
    )
    .variable("MODEL_CACHE_ENDPOINT")
    .also(&["HF_ENDPOINT"]),
    Key::new(
        "hub.token",
        Token,
        Unset("the token file of Hugging Face programs, if there is one"),
        "Where the Hub's token is. It is sent to the endpoint's scheme, host and port only.",
        "{ env = \"HUB_TOKEN\" }",
        |s, _, v| s.hub.token = v.token(),
    )
    .variable("MODEL_CACHE_TOKEN")
    .also(&["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH"]),
    // [mirrors.name]
    Key::new(
        "mirrors.*.url",
        Template,
        Unset("needed"),
        "Address of the mirror; `{model}` stands for the model's name.",
        "\"https://mirror.example.com/{model}\"",
        |s, name, v| s.mirrors.entry(name.to_owned()).or_default().url = v.text().unwrap_or_default(),
    ),
    Key::new(
        "mirrors.*.models",
        Texts,
        Is("*"),
        "Globs of the models it has.",
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
        "Whether it may also answer for the listing of files when the authority is down.",
        "true",
        |s, name, v| s.mirrors.entry(name.to_owned()).or_default().trusted = v.flag().unwrap_or(false),
    ),
    Key::new(
        "mirrors.*.token",
        Token,
        Unset("no token"),
        "Where the mirror's token is.",
        "{ file = \"~/.config/mirror-token\" }",
        |s, name, v| s.mirrors.entry(name.to_owned()).or_default().token = v.token(),
    ),
    // [s3]
    Key::new(
        "s3.endpoint",
        Address,
        Unset("AWS's own"),
        "Address of the service.",
        "\"https://minio.example.com:9000\"",
        |s, _, v| s.s3.endpoint = v.address(),
    )
    .variable("MODEL_CACHE_S3_ENDPOINT"),
    Key::new(
        "s3.region",
        Text,
        Unset("as AWS's tools find it"),
        "Region of the buckets.",
        "\"eu-central-1\"",
        |s, _, v| s.s3.region = v.text(),
    )
    .variable("MODEL_CACHE_S3_REGION"),
    Key::new(
        "s3.profile",
        Text,
        Unset("as AWS's tools find it"),
        "Profile of the AWS configuration.",
        "\"models\"",
        |s, _, v| s.s3.profile = v.text(),
    )
    .variable("MODEL_CACHE_S3_PROFILE"),
    Key::new(
        "s3.path-style",
        Flag,
        Is("false"),
        "Whether the bucket is written in the path and not in the host name.",
        "true",
        |s, _, v| s.s3.path_style = v.flag(),
    )
    .variable("MODEL_CACHE_S3_PATH_STYLE"),
    Key::new(
        "s3.allow-http",
        Flag,
        Is("false"),
        "Whether http without TLS may be spoken.",
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
        Unset("Google's own"),
        "Address of the service.",
        "\"https://gcs.example.com\"",
        |s, _, v| s.gcs.endpoint = v.address(),
    )
    .variable("MODEL_CACHE_GCS_ENDPOINT"),
    Key::new(
        "gcs.service-account",
        Path,
        Unset("as Google's tools find it"),
        "File of a service account's key.",
        "\"~/.config/gcs.json\"",
        |s, _, v| s.gcs.service_account = v.path(),
    )
    .variable("MODEL_CACHE_GCS_SERVICE_ACCOUNT"),
    Key::new(
        "gcs.allow-http",
        Flag,
        Is("false"),
        "Whether http without TLS may be spoken.",
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
        Unset("as Azure's tools find it"),
        "Name of the storage account.",
        "\"models\"",
        |s, _, v| s.azure.account = v.text(),
    )
    .variable("MODEL_CACHE_AZURE_ACCOUNT"),
    Key::new(
        "azure.endpoint",
        Address,
        Unset("Azure's own"),
        "Address of the service.",
        "\"https://azure.example.com\"",
        |s, _, v| s.azure.endpoint = v.address(),
    )
    .variable("MODEL_CACHE_AZURE_ENDPOINT"),
    Key::new(
        "azure.allow-http",
        Flag,
        Is("false"),
        "Whether http without TLS may be spoken.",
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
        "Files that come without a digest are taken silently, with a warning, or refused. Wrong digests are always refused.",
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
        "What is logged on stderr: error, warn, info, debug, trace, or a filter such as cache_net=trace.",
        "\"info\"",
        |s, _, v| s.log.level = v.text(),
    )
    .variable("MODEL_CACHE_LOG")
    .project(May),
    Key::new(
        "log.format",
        Word(&["text", "json"]),
        Is("text"),
        "How a line of the log looks.",
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
        "Where the mirror listens: ADDRESS:PORT, `unix:PATH`, or `systemd` for the sockets it hands over.",
        "[\"0.0.0.0:8090\", \"unix:/run/model-cache.sock\"]",
        |s, _, v| s.server.listen = v.texts(),
    )
    .variable("MODEL_CACHE_SERVER_LISTEN"),
    Key::new(
        "server.hosts",
        Texts,
        Unset("none"),
        "Names under which the mirror may be asked, besides loopback's and the addresses it listens on.",
        "[\"hub.example.com\"]",
        |s, _, v| s.server.hosts = v.texts(),
    )
    .variable("MODEL_CACHE_SERVER_HOSTS"),
    Key::new(
        "server.refresh",
        Age,
        Is("1m"),
        "How long a moving name keeps its commit, and a repository counts as public, before upstream is asked again.",
        "\"10m\"",
        |s, _, v| s.server.refresh = v.age(),
    )
    .variable("MODEL_CACHE_SERVER_REFRESH"),
    Key::new(
        "server.negative",
        Age,
        Is("10s"),
        "How long upstream's word counts that there is no such thing.",
        "\"1m\"",
        |s, _, v| s.server.negative = v.age(),
    )
    .variable("MODEL_CACHE_SERVER_NEGATIVE"),
    Key::new(
        "server.upstream",
        Texts,
        Unset("all"),
        "Globs of the repositories that the mirror may ask upstream for; `*` also crosses `/`.",
        "[\"org/*\", \"datasets/org/*\"]",
        |s, _, v| s.server.upstream = v.texts(),
    )
    .variable("MODEL_CACHE_SERVER_UPSTREAM"),
    Key::new(
        "server.anonymous",
        Texts,
        Unset("nothing"),
        "When there are users: globs of the repositories that may be read without a token.",
        "[\"org/open-*\"]",
        |s, _, v| s.server.anonymous = v.texts(),
    )
    .variable("MODEL_CACHE_SERVER_ANONYMOUS"),
    Key::new(
        "server.admin-token",
        Token,
        Unset("one made at the start on loopback, else the unix socket only"),
        "Where the token is that may fetch, pin, evict and reload over HTTP.",
        "{ file = \"~/.config/model-cache/admin-token\" }",
        |s, _, v| s.server.admin_token = v.token(),
    )
    .variable("MODEL_CACHE_SERVER_ADMIN_TOKEN"),
    Key::new(
        "server.rate",
        Number(1, 1_000_000),
        Unset("no limit"),
        "Requests a second of one client; ten times as many at once.",
        "50",
        |s, _, v| s.server.rate = v.number(),
    )
    .variable("MODEL_CACHE_SERVER_RATE"),
    Key::new(
        "server.connections",
        Number(1, 1_000_000),
        Is("4096"),
        "Connections of all clients.",
        "1024",
        |s, _, v| s.server.connections = v.number(),
    )
    .variable("MODEL_CACHE_SERVER_CONNECTIONS"),
    Key::new(
        "server.connections-per-client",
        Number(1, 1_000_000),
        Unset("no limit"),
        "Connections of one client's address.",
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
        Unset("needed"),
        "SHA-256 of the user's token, as `model-cache token new` prints it.",
        "\"0000000000000000000000000000000000000000000000000000000000000000\"",
        |s, name, v| s.users.entry(name.to_owned()).or_default().token_sha256 = v.text().unwrap_or_default(),
    ),
    Key::new(
        "users.*.read",
        Texts,
        Unset("only what server.anonymous says"),
        "Globs of the repositories that the user may read; `*` also crosses `/`.",
        "[\"org/*\", \"datasets/org/*\"]",
        |s, name, v| s.users.entry(name.to_owned()).or_default().read = v.texts(),
    ),
    // [models."org/name"]
    Key::new(
        "models.*.from",
        Text,
        Unset("needed"),
        "What the mirror serves under this name: a bucket, a folder, a web address or a registered name.",
        "\"s3://bucket/prefix\"",
        |s, name, v| s.models.entry(name.to_owned()).or_default().from = v.text().unwrap_or_default(),
    ),
];
