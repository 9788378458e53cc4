//! [`ObjectConfig`]: endpoints and credentials of buckets.

use std::path::PathBuf;

use cache_core::{Error, ErrorKind, Result};
use cache_net::{Secret, redact};
use url::Url;

use crate::credentials::{S3Credentials, variable};
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
    /// Endpoint URL; AWS by default.
    pub endpoint: Option<Url>,
    /// The region; `us-east-1` by default.
    pub region: Option<String>,
    /// Profile in the shared files; `default` by default.
    pub profile: Option<String>,
    /// Whether the bucket stands in the path rather than in the host name. By default it does with an endpoint of one's
    /// own.
    pub path_style: Option<bool>,
    /// Lets credentials and bytes go over plain `http`.
    pub allow_http: bool,
    /// Signs nothing: for public buckets.
    pub anonymous: bool,
    /// Credentials; they override the environment.
    pub credentials: Option<S3Credentials>,
}

/// Settings for Google Cloud Storage.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct GcsConfig {
    /// Endpoint URL; Google by default.
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
    /// Endpoint URL with the account; Azure by default.
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

/// Whether a variable says yes.
pub(crate) fn is_yes(name: &str) -> bool {
    variable(name).is_some_and(|value| says_yes(&value))
}

/// Whether a variable's value says yes, as the clouds' own programs read it.
fn says_yes(value: &str) -> bool {
    matches!(&*value.to_ascii_lowercase(), "1" | "true" | "yes" | "on")
}

/// The variables that settings are completed by.
#[cfg(any(feature = "s3", feature = "gcs"))]
pub(crate) type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

#[cfg(feature = "s3")]
impl S3Config {
    /// These settings, completed by the environment, and the keys to sign with.
    ///
    /// Keys and endpoint come from one place: what was said here, the chosen profile, or the variables. The order of the
    /// places is that of the AWS command line: keys in variables count more than a profile that a variable names.
    pub(crate) fn resolved(&self, environment: bool) -> Result<Self> {
        if !environment {
            return Ok(self.clone());
        }
        let chosen = self.profile.clone().or_else(|| variable("AWS_PROFILE"));
        self.completed(&variable, &Profile::load(chosen.as_deref())?)
    }

    fn completed(&self, get: Variables<'_>, profile: &Profile) -> Result<Self> {
        let yes = |name: &str| get(name).is_some_and(|value| says_yes(&value));
        let mut settings = self.clone();
        let given = self.profile.is_some();
        settings.anonymous |= yes("AWS_SKIP_SIGNATURE");
        let unsigned = settings.anonymous;
        let of_variables = if given || unsigned || self.credentials.is_some() { None } else { from_variables(get)? };
        let named = ["AWS_REGION", "AWS_DEFAULT_REGION"].iter().find_map(|name| get(name));
        let regions = if given { [profile.region.clone(), named] } else { [named, profile.region.clone()] };
        settings.region = settings.region.or_else(|| regions.into_iter().flatten().next());
        if settings.endpoint.is_none() {
            let named = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"].iter().find_map(|name| get(name));
            let own = profile.endpoint.clone();
            if named.is_none() && own.is_some() && profile.is_chosen && of_variables.is_some() {
                return Err(profile.mixed());
            }
            let found = if given { own.or(named) } else { named.or(own) };
            settings.endpoint = found.map(|text| endpoint(&text)).transpose()?;
        }
        settings.allow_http |= yes("AWS_ALLOW_HTTP");
        if settings.credentials.is_none() && !unsigned {
            settings.credentials = match of_variables {
                Some(credentials) => Some(credentials),
                None if !given && get("AWS_WEB_IDENTITY_TOKEN_FILE").is_some() => None,
                None => profile.credentials()?,
            };
        }
        Ok(settings)
    }
}

/// The keys of the variables; a half of a pair is an error, because the other half would come from elsewhere.
#[cfg(feature = "s3")]
fn from_variables(get: Variables<'_>) -> Result<Option<S3Credentials>> {
    const ID: &str = "AWS_ACCESS_KEY_ID";
    const KEY: &str = "AWS_SECRET_ACCESS_KEY";
    let half = |there: &str, lacking: &str| {
        Error::new(ErrorKind::Usage, format!("{there} is set and {lacking} is not"))
            .with_hint(format!("set both, or unset {there}"))
    };
    match (get(ID), get(KEY)) {
        (Some(id), Some(key)) => Ok(Some(S3Credentials {
            access_key_id: Secret::new(id),
            secret_access_key: Secret::new(key),
            session_token: get("AWS_SESSION_TOKEN").map(Secret::new),
        })),
        (None, None) => Ok(None),
        (Some(_), None) => Err(half(ID, KEY)),
        (None, Some(_)) => Err(half(KEY, ID)),
    }
}

#[cfg(feature = "gcs")]
impl GcsConfig {
    pub(crate) fn resolved(&self, environment: bool) -> Result<Self> {
        if environment { self.completed(&variable) } else { Ok(self.clone()) }
    }

    /// An emulator gets no credentials: it is spoken to over plain http.
    fn completed(&self, get: Variables<'_>) -> Result<Self> {
        let yes = |name: &str| get(name).is_some_and(|value| says_yes(&value));
        let mut settings = self.clone();
        if settings.endpoint.is_none() {
            let named = get("GOOGLE_BASE_URL");
            let emulator = if named.is_none() { get("STORAGE_EMULATOR_HOST") } else { None };
            if emulator.is_some() {
                (settings.anonymous, settings.allow_http) = (true, true);
            }
            settings.endpoint = named.or(emulator).map(|text| endpoint(&text)).transpose()?;
        }
        settings.allow_http |= yes("GOOGLE_ALLOW_HTTP");
        settings.anonymous |= yes("GOOGLE_SKIP_SIGNATURE");
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
///
/// The text is not repeated in errors: it may carry a password.
pub(crate) fn endpoint(text: &str) -> Result<Url> {
    let refused = |why: &str| {
        Error::new(ErrorKind::Usage, format!("the endpoint of the object store {why}"))
            .with_hint("write https://host or https://host:port; keys go into the variables of their own")
    };
    let parse = |text: &str| Url::parse(text).ok().filter(|url| url.has_host() && url.scheme().starts_with("http"));
    let written = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let url = parse(&written).ok_or_else(|| refused("is not an http or https URL"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refused("has a user name or password, which would be shown and sent"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(refused("has a query or a fragment"));
    }
    Ok(url)
}

/// Refuses a plain http endpoint unless it is allowed.
pub(crate) fn check_http(endpoint: Option<&Url>, allowed: bool, variable: &str) -> Result<()> {
    match endpoint {
        Some(endpoint) if endpoint.scheme() == "http" && !allowed => Err(Error::new(
            ErrorKind::Usage,
            format!("the endpoint {} is plain http, which sends models and requests unprotected", redact(endpoint)),
        )
        .with_hint(format!("use https, or allow it with {variable}=true"))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
