//! [`ObjectConfig`]: where the buckets are and who asks.

use std::path::PathBuf;

use cache_core::{Error, ErrorKind, Result};
use cache_net::Secret;
use url::Url;

#[cfg(feature = "s3")]
use crate::profile::Profile;

/// Settings of the object stores. The default reads nothing from the environment.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct ObjectConfig {
    /// Amazon S3 and what speaks its protocol.
    pub s3: S3Config,
    /// Google Cloud Storage.
    pub gcs: GcsConfig,
    /// Azure Blob Storage.
    pub azure: AzureConfig,
    /// Whether what is not said here is taken from the environment and the usual files, when the first bucket is asked.
    pub environment: bool,
}

/// Settings for S3.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct S3Config {
    /// Where the protocol is spoken; AWS when there is none.
    pub endpoint: Option<Url>,
    /// The region; `us-east-1` when nobody says.
    pub region: Option<String>,
    /// Which part of the shared files to take; `default` when nobody says.
    pub profile: Option<String>,
    /// Whether the bucket stands in the path rather than in the host name. By default it does with an endpoint of one's
    /// own.
    pub path_style: Option<bool>,
    /// Lets credentials and bytes go over plain `http`.
    pub allow_http: bool,
    /// Signs nothing: for public buckets.
    pub anonymous: bool,
    /// Who asks, whatever the environment says.
    pub credentials: Option<S3Credentials>,
}

/// Keys for S3.
#[derive(Debug, Clone)]
pub struct S3Credentials {
    /// The access key's id.
    pub access_key_id: Secret,
    /// The access key.
    pub secret_access_key: Secret,
    /// The token of temporary keys.
    pub session_token: Option<Secret>,
}

/// Settings for Google Cloud Storage.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct GcsConfig {
    /// Where the protocol is spoken; Google when there is none.
    pub endpoint: Option<Url>,
    /// Lets credentials and bytes go over plain `http`.
    pub allow_http: bool,
    /// Signs nothing: for public buckets.
    pub anonymous: bool,
    /// The JSON file of a service account or of `gcloud auth application-default login`.
    pub credentials_file: Option<PathBuf>,
    /// A token, whatever the environment says.
    pub bearer_token: Option<Secret>,
}

/// Settings for Azure Blob Storage.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct AzureConfig {
    /// Where the protocol is spoken, the account included; Azure when there is none.
    pub endpoint: Option<Url>,
    /// Lets credentials and bytes go over plain `http`.
    pub allow_http: bool,
    /// Signs nothing: for public containers.
    pub anonymous: bool,
    /// The storage account.
    pub account: Option<String>,
    /// The account's key.
    pub access_key: Option<Secret>,
    /// A shared access signature: `sv=…&sig=…`.
    pub sas: Option<Secret>,
}

impl ObjectConfig {
    /// What the environment and the usual files say: the variables and files of the AWS, Google Cloud and Azure
    /// command lines.
    #[must_use]
    pub fn from_env() -> Self {
        Self { environment: true, ..Self::default() }
    }
}

/// A variable of the environment that is set to something.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Whether a variable says yes, as the clouds' own programs read it.
pub(crate) fn is_yes(name: &str) -> bool {
    variable(name).is_some_and(|value| matches!(&*value.to_ascii_lowercase(), "1" | "true" | "yes" | "on"))
}

#[cfg(feature = "s3")]
impl S3Config {
    /// These settings with what the environment says of the rest, and who asks. The order is that of the AWS command
    /// line: what was said here, variables, the profile.
    pub(crate) fn resolved(&self, environment: bool) -> Result<Self> {
        let mut settings = self.clone();
        if !environment {
            return Ok(settings);
        }
        let chosen = settings.profile.clone().or_else(|| variable("AWS_PROFILE"));
        let profile = Profile::load(chosen.as_deref())?;
        settings.region = settings
            .region
            .or_else(|| variable("AWS_REGION"))
            .or_else(|| variable("AWS_DEFAULT_REGION"))
            .or_else(|| profile.region.clone());
        if settings.endpoint.is_none() {
            let named = variable("AWS_ENDPOINT_URL_S3").or_else(|| variable("AWS_ENDPOINT_URL"));
            settings.endpoint = named.or_else(|| profile.endpoint.clone()).map(|text| endpoint(&text)).transpose()?;
        }
        settings.allow_http |= is_yes("AWS_ALLOW_HTTP");
        settings.anonymous |= is_yes("AWS_SKIP_SIGNATURE");
        if settings.credentials.is_none() && !settings.anonymous {
            // A profile that was chosen here counts more than the variables; one that a variable names counts less.
            let own = if self.profile.is_some() { None } else { from_variables() };
            settings.credentials = match own {
                Some(credentials) => Some(credentials),
                None if self.profile.is_none() && variable("AWS_WEB_IDENTITY_TOKEN_FILE").is_some() => None,
                None => profile.credentials()?,
            };
        }
        Ok(settings)
    }
}

#[cfg(feature = "s3")]
fn from_variables() -> Option<S3Credentials> {
    Some(S3Credentials {
        access_key_id: Secret::new(variable("AWS_ACCESS_KEY_ID")?),
        secret_access_key: Secret::new(variable("AWS_SECRET_ACCESS_KEY")?),
        session_token: variable("AWS_SESSION_TOKEN").map(Secret::new),
    })
}

#[cfg(feature = "gcs")]
impl GcsConfig {
    pub(crate) fn resolved(&self, environment: bool) -> Result<Self> {
        let mut settings = self.clone();
        if environment {
            if settings.endpoint.is_none() {
                let named = variable("GOOGLE_BASE_URL").or_else(|| variable("STORAGE_EMULATOR_HOST"));
                settings.endpoint = named.map(|text| endpoint(&text)).transpose()?;
            }
            settings.allow_http |= is_yes("GOOGLE_ALLOW_HTTP") || variable("STORAGE_EMULATOR_HOST").is_some();
            settings.anonymous |= is_yes("GOOGLE_SKIP_SIGNATURE");
        }
        Ok(settings)
    }
}

#[cfg(feature = "azure")]
impl AzureConfig {
    pub(crate) fn resolved(&self, environment: bool) -> Result<Self> {
        let mut settings = self.clone();
        if environment {
            if settings.endpoint.is_none() {
                let named = variable("AZURE_STORAGE_ENDPOINT").or_else(|| variable("AZURE_ENDPOINT"));
                settings.endpoint = named.map(|text| endpoint(&text)).transpose()?;
            }
            settings.account = settings.account.or_else(|| variable("AZURE_STORAGE_ACCOUNT_NAME"));
            settings.account = settings.account.or_else(|| variable("AZURE_STORAGE_ACCOUNT"));
            settings.access_key = settings.access_key.or_else(|| variable("AZURE_STORAGE_KEY").map(Secret::new));
            settings.allow_http |= is_yes("AZURE_ALLOW_HTTP");
            settings.anonymous |= is_yes("AZURE_SKIP_SIGNATURE");
        }
        Ok(settings)
    }
}

/// Reads the address of an endpoint; `localhost:9000` is one too, as some programs write it.
pub(crate) fn endpoint(text: &str) -> Result<Url> {
    let parse = |text: &str| Url::parse(text).ok().filter(|url| url.has_host() && url.scheme().starts_with("http"));
    let written = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    parse(&written).ok_or_else(|| {
        Error::new(ErrorKind::Usage, format!("{text:?} is not the address of an object store"))
            .with_hint("write https://host or https://host:port")
    })
}

/// Refuses a plain endpoint that nobody has allowed.
pub(crate) fn check_http(endpoint: Option<&Url>, allowed: bool, variable: &str) -> Result<()> {
    match endpoint {
        Some(endpoint) if endpoint.scheme() == "http" && !allowed => Err(Error::new(
            ErrorKind::Usage,
            format!("the endpoint {endpoint} is plain http, which sends models and requests unprotected"),
        )
        .with_hint(format!("use https, or allow it with {variable}=true"))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_an_address() {
        assert_eq!(endpoint("localhost:9000").unwrap().as_str(), "http://localhost:9000/");
        assert_eq!(endpoint("https://s3.example").unwrap().scheme(), "https");
        assert_eq!(endpoint("ftp://x").map(|url| url.to_string()).unwrap_err().kind(), ErrorKind::Usage);
        assert_eq!(endpoint("").unwrap_err().kind(), ErrorKind::Usage);
    }

    #[test]
    fn plain_http_needs_leave() {
        let plain = endpoint("http://localhost:9000").unwrap();
        assert!(check_http(Some(&plain), true, "AWS_ALLOW_HTTP").is_ok());
        let error = check_http(Some(&plain), false, "AWS_ALLOW_HTTP").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert!(error.hint().unwrap().contains("AWS_ALLOW_HTTP"));
    }

    #[test]
    fn secrets_are_not_shown() {
        let mut config = ObjectConfig::default();
        config.azure.sas = Some(Secret::new("hush"));
        config.gcs.bearer_token = Some(Secret::new("hush"));
        config.s3.credentials = Some(S3Credentials {
            access_key_id: Secret::new("hush"),
            secret_access_key: Secret::new("hush"),
            session_token: Some(Secret::new("hush")),
        });
        assert!(!format!("{config:?}").contains("hush"));
    }
}
