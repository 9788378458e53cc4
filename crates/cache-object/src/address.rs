//! Where each cloud's buckets are, and how `object_store` is set up for them.

use std::sync::Arc;

use cache_core::{Error, ErrorKind, Result};
use object_store::list::PaginatedListStore;
use object_store::multipart::MultipartStore;
use object_store::{ObjectStore, RetryConfig};
use url::Url;

use crate::{ObjectConfig, config::check_http, connector::Connector};

/// Operations of all three clouds.
pub(crate) trait Cloud: ObjectStore + PaginatedListStore + MultipartStore {}

impl<T: ObjectStore + PaginatedListStore + MultipartStore> Cloud for T {}

/// `object_store` repeats nothing itself.
pub(crate) fn no_retries() -> RetryConfig {
    RetryConfig { max_retries: 0, ..RetryConfig::default() }
}

/// A cloud set up for a bucket.
pub(crate) struct BuiltStore {
    pub(crate) host: String,
    pub(crate) cloud: Arc<dyn Cloud>,
    #[cfg(feature = "s3")]
    pub(crate) s3: Option<Arc<S3Address>>,
}

impl BuiltStore {
    fn new(host: String, cloud: impl Cloud) -> Self {
        Self {
            host,
            cloud: Arc::new(cloud),
            #[cfg(feature = "s3")]
            s3: None,
        }
    }
}

/// Data to sign an S3 request that `object_store` does not support.
#[cfg(feature = "s3")]
#[derive(Debug)]
pub(crate) struct S3Address {
    /// The bucket's address, without a slash at the end.
    pub(crate) bucket: String,
    pub(crate) region: String,
    pub(crate) credentials: object_store::aws::AwsCredentialProvider,
    pub(crate) anonymous: bool,
}

fn unusable(error: &object_store::Error) -> Error {
    crate::connector::unwrapped(error).unwrap_or_else(|| {
        Error::new(ErrorKind::Usage, format!("the object store cannot be set up: {error}"))
            .with_hint("check the variables and files that name its credentials")
    })
}

/// Host and port of an address.
fn host_of(url: &Url) -> String {
    match (url.host_str().unwrap_or_default(), url.port()) {
        (host, Some(port)) => format!("{host}:{port}"),
        (host, None) => host.to_owned(),
    }
}

#[cfg(feature = "s3")]
pub(crate) fn s3(bucket: &str, config: &ObjectConfig, connector: Connector) -> Result<BuiltStore> {
    use object_store::aws::{AmazonS3Builder, AwsCredential, Checksum};
    use object_store::{ClientOptions, StaticCredentialProvider};

    let settings = config.s3.resolved(config.environment)?;
    check_http(settings.endpoint.as_ref(), settings.allow_http, "AWS_ALLOW_HTTP")?;
    let region = settings.region.clone().unwrap_or_else(|| "us-east-1".to_owned());
    let plain = bucket.contains('.');
    // A dot in the name is one label too many for the certificate of AWS.
    let path_style = settings.path_style.unwrap_or(settings.endpoint.is_some() || plain);
    let base = match &settings.endpoint {
        Some(endpoint) => endpoint.clone(),
        None => Url::parse(&format!("https://s3.{region}.amazonaws.com")).map_err(|error| {
            Error::new(ErrorKind::Usage, format!("{region:?} is not a region: {error}")).with_hint("check AWS_REGION")
        })?,
    };
    let address = addressed(&base, bucket, path_style);
    // Signed like all headers: it makes S3 tell the checksums that it keeps.
    let mut headers = http::HeaderMap::new();
    headers.insert("x-amz-checksum-mode", http::HeaderValue::from_static("ENABLED"));
    let builder = if config.environment { AmazonS3Builder::from_env() } else { AmazonS3Builder::new() };
    let mut builder = builder
        .with_bucket_name(bucket)
        .with_region(&region)
        // With this, `object_store` takes the address as it is.
        .with_virtual_hosted_style_request(true)
        .with_config(object_store::aws::AmazonS3ConfigKey::S3Endpoint, &address)
        .with_skip_signature(settings.anonymous)
        .with_checksum_algorithm(Checksum::SHA256)
        .with_client_options(ClientOptions::new().with_default_headers(headers))
        .with_retry(no_retries())
        .with_http_connector(connector);
    if let Some(keys) = &settings.credentials {
        // As a whole, so that no part of them is the environment's.
        builder = builder.with_credentials(Arc::new(StaticCredentialProvider::new(AwsCredential {
            key_id: keys.access_key_id.expose().to_owned(),
            secret_key: keys.secret_access_key.expose().to_owned(),
            token: keys.session_token.as_ref().map(|token| token.expose().to_owned()),
        })));
    }
    let cloud = builder.build().map_err(|error| unusable(&error))?;
    let s3 = S3Address {
        bucket: address.clone(),
        region,
        credentials: Arc::clone(cloud.credentials()),
        anonymous: settings.anonymous,
    };
    let host = Url::parse(&address).map(|url| host_of(&url)).unwrap_or_default();
    let mut made = BuiltStore::new(host, cloud);
    made.s3 = Some(Arc::new(s3));
    Ok(made)
}

/// The bucket's own address, without a slash at the end.
#[cfg(feature = "s3")]
fn addressed(base: &Url, bucket: &str, path_style: bool) -> String {
    let text = base.as_str().trim_end_matches('/');
    if path_style {
        return format!("{text}/{bucket}");
    }
    text.replacen("://", &format!("://{bucket}."), 1)
}

#[cfg(feature = "gcs")]
pub(crate) fn gcs(bucket: &str, config: &ObjectConfig, connector: Connector) -> Result<BuiltStore> {
    use object_store::StaticCredentialProvider;
    use object_store::gcp::{GcpCredential, GoogleCloudStorageBuilder};

    let settings = config.gcs.resolved(config.environment)?;
    check_http(settings.endpoint.as_ref(), settings.allow_http, "GOOGLE_ALLOW_HTTP")?;
    // Without credentials none are looked for: a builder of the environment would read them all the same.
    let builder = if config.environment && !settings.anonymous {
        GoogleCloudStorageBuilder::from_env()
    } else {
        GoogleCloudStorageBuilder::new()
    };
    let mut builder = builder
        .with_bucket_name(bucket)
        .with_skip_signature(settings.anonymous)
        .with_retry(no_retries())
        .with_http_connector(connector);
    if let Some(endpoint) = &settings.endpoint {
        builder = builder.with_base_url(endpoint.as_str().trim_end_matches('/'));
    }
    if let Some(file) = settings.credentials_file.as_ref().filter(|_| !settings.anonymous) {
        builder = builder.with_application_credentials(file.to_string_lossy());
    }
    if settings.anonymous {
        let no_credentials = GcpCredential { bearer: String::new() };
        builder = builder.with_credentials(Arc::new(StaticCredentialProvider::new(no_credentials)));
    } else if let Some(token) = &settings.bearer_token {
        builder = builder.with_bearer_token(token.expose());
    }
    let host = settings.endpoint.as_ref().map_or_else(|| "storage.googleapis.com".to_owned(), host_of);
    Ok(BuiltStore::new(host, builder.build().map_err(|error| unusable(&error))?))
}

#[cfg(feature = "azure")]
pub(crate) fn azure(container: &str, config: &ObjectConfig, connector: Connector) -> Result<BuiltStore> {
    use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};

    let settings = config.azure.resolved(config.environment)?;
    check_http(settings.endpoint.as_ref(), settings.allow_http, "AZURE_ALLOW_HTTP")?;
    let builder = if config.environment { MicrosoftAzureBuilder::from_env() } else { MicrosoftAzureBuilder::new() };
    let mut builder = builder
        .with_container_name(container)
        .with_skip_signature(settings.anonymous)
        .with_allow_http(settings.allow_http)
        .with_retry(no_retries())
        .with_http_connector(connector);
    if let Some(account) = &settings.account {
        builder = builder.with_account(account);
    }
    if let Some(key) = &settings.access_key {
        builder = builder.with_access_key(key.expose());
    }
    if let Some(sas) = &settings.sas {
        builder = builder.with_config(AzureConfigKey::SasKey, sas.expose());
    }
    if let Some(endpoint) = &settings.endpoint {
        builder = builder.with_endpoint(endpoint.as_str().trim_end_matches('/').to_owned());
    }
    let account = settings.account.clone().unwrap_or_default();
    let host = settings.endpoint.as_ref().map_or_else(|| format!("{account}.blob.core.windows.net"), host_of);
    Ok(BuiltStore::new(host, builder.build().map_err(|error| unusable(&error))?))
}

#[cfg(all(test, feature = "s3"))]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_stands_in_the_path_or_in_the_host() {
        let aws = Url::parse("https://s3.eu-west-1.amazonaws.com").unwrap();
        assert_eq!(addressed(&aws, "models", false), "https://models.s3.eu-west-1.amazonaws.com");
        let own = Url::parse("http://localhost:9000/s3/").unwrap();
        assert_eq!(addressed(&own, "models", true), "http://localhost:9000/s3/models");
    }
}
