//! The sections of sources: `[hub]`, `[mirrors]`, `[s3]`, `[gcs]` and `[azure]`.

use super::key::Key;
use super::key::Preset::{Is, Unset};
use crate::value::Kind::{Address, Flag, Number, Path, Template, Text, Texts, Token};

pub(super) const KEYS: &[Key] = &[
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
    Key::new("s3.allow-http", Flag, Is("false"), "Whether plain http is allowed.", "true", |s, _, v| {
        s.s3.allow_http = v.flag()
    })
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
    Key::new("gcs.allow-http", Flag, Is("false"), "Whether plain http is allowed.", "true", |s, _, v| {
        s.gcs.allow_http = v.flag()
    })
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
    Key::new("azure.allow-http", Flag, Is("false"), "Whether plain http is allowed.", "true", |s, _, v| {
        s.azure.allow_http = v.flag()
    })
    .variable("MODEL_CACHE_AZURE_ALLOW_HTTP"),
    Key::new("azure.anonymous", Flag, Is("false"), "Send requests unsigned.", "true", |s, _, v| {
        s.azure.anonymous = v.flag();
    })
    .variable("MODEL_CACHE_AZURE_ANONYMOUS"),
];
