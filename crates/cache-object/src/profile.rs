//! [`Profile`]: one part of AWS's shared files.
//!
//! Their form: <https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html>.

use std::collections::HashMap;
use std::path::PathBuf;

use cache_core::{Error, ErrorKind, Result};
use cache_net::Secret;

use crate::S3Credentials;
use crate::credentials::variable;

/// Larger files are not read.
const MAX_FILE: u64 = 1 << 20;

/// Settings that are taken from the shared files.
#[derive(Debug, Default)]
pub(crate) struct Profile {
    name: String,
    /// Whether it was named, rather than the default.
    pub(crate) is_chosen: bool,
    pub(crate) region: Option<String>,
    pub(crate) endpoint: Option<String>,
    keys: Option<(Secret, Secret, Option<Secret>)>,
    /// The unsupported setting that would fetch keys from another program or service.
    elsewhere: Option<&'static str>,
}

type Settings = HashMap<String, String>;

impl Profile {
    /// The profile of this name, or `default`. One that was named and is nowhere is an error.
    pub(crate) fn load(chosen: Option<&str>) -> Result<Self> {
        let config = read(place("AWS_CONFIG_FILE", "config"))?;
        let credentials = read(place("AWS_SHARED_CREDENTIALS_FILE", "credentials"))?;
        Self::of(chosen, &config, &credentials)
    }

    pub(crate) fn of(chosen: Option<&str>, config: &str, credentials: &str) -> Result<Self> {
        let name = chosen.unwrap_or("default");
        let mut settings = section(config, &format!("profile {name}"));
        if name == "default" && settings.is_none() {
            settings = section(config, name);
        }
        let keys = section(credentials, name);
        if chosen.is_some() && settings.is_none() && keys.is_none() {
            return Err(Error::new(ErrorKind::Usage, format!("there is no AWS profile {name:?}"))
                .with_hint("look into ~/.aws/config and ~/.aws/credentials, or name another with AWS_PROFILE"));
        }
        let mut settings = settings.unwrap_or_default();
        // The credentials file counts more where both have the same.
        settings.extend(keys.unwrap_or_default());
        let mut take = |key: &str| settings.remove(key).filter(|value| !value.is_empty());
        let keys = match (take("aws_access_key_id"), take("aws_secret_access_key")) {
            (Some(id), Some(key)) => {
                Some((Secret::new(id), Secret::new(key), take("aws_session_token").map(Secret::new)))
            }
            _ => None,
        };
        let elsewhere = [
            "credential_process",
            "sso_session",
            "sso_start_url",
            "role_arn",
            "web_identity_token_file",
            "credential_source",
        ];
        Ok(Self {
            name: name.to_owned(),
            is_chosen: chosen.is_some(),
            region: take("region"),
            endpoint: take("endpoint_url"),
            elsewhere: elsewhere.into_iter().find(|key| settings.contains_key(*key)),
            keys,
        })
    }

    /// The keys come from variables and the endpoint from the profile that another variable names.
    pub(crate) fn mixed(&self) -> Error {
        let name = &self.name;
        let message = format!("AWS_ACCESS_KEY_ID is set, and the profile {name:?} of AWS_PROFILE has another endpoint");
        Error::new(ErrorKind::Usage, message)
            .with_hint("unset one of the two, or set AWS_ENDPOINT_URL to where these keys belong")
    }

    /// The profile's keys. `None` for the default profile without any: the machine may have some.
    ///
    /// # Errors
    /// [`ErrorKind::Unauthorized`] when the keys come from a program or service, or a chosen profile has none.
    pub(crate) fn credentials(&self) -> Result<Option<S3Credentials>> {
        if let Some((id, key, token)) = &self.keys {
            return Ok(Some(S3Credentials {
                access_key_id: id.clone(),
                secret_access_key: key.clone(),
                session_token: token.clone(),
            }));
        }
        let name = &self.name;
        let Some(setting) = self.elsewhere else {
            if !self.is_chosen {
                return Ok(None);
            }
            return Err(Error::new(ErrorKind::Unauthorized, format!("the AWS profile {name:?} has no keys"))
                .with_hint("put aws_access_key_id and aws_secret_access_key into it, or name another profile"));
        };
        let message = format!("the AWS profile {name:?} gets its keys by {setting}, which is not supported here");
        Err(Error::new(ErrorKind::Unauthorized, message).with_hint(format!(
            "put them into the environment: eval \"$(aws configure export-credentials --profile {name} --format env)\""
        )))
    }
}

fn place(named: &str, usual: &str) -> Option<PathBuf> {
    let home = || variable("HOME").or_else(|| variable("USERPROFILE"));
    variable(named).map(PathBuf::from).or_else(|| Some(PathBuf::from(home()?).join(".aws").join(usual)))
}

fn read(path: Option<PathBuf>) -> Result<String> {
    let Some(path) = path else { return Ok(String::new()) };
    let usage = |error: std::io::Error| {
        Error::new(ErrorKind::Usage, format!("AWS's settings cannot be read: {error}"))
            .with_hint("check the permissions of the file, or name another with AWS_CONFIG_FILE")
    };
    match cache_fs::read_text(&path, MAX_FILE) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        other => other.map_err(usage),
    }
}

/// The settings of one section; indented lines belong to the setting above them and are of no use here.
fn section(text: &str, name: &str) -> Option<Settings> {
    let mut found: Option<Settings> = None;
    let mut within = false;
    for line in text.lines() {
        let bare = line.trim();
        if bare.is_empty() || bare.starts_with(['#', ';']) {
            continue;
        }
        if let Some(title) = bare.strip_prefix('[') {
            let title = title.split(']').next().unwrap_or_default();
            within = title.split_whitespace().eq(name.split_whitespace());
            if within {
                found.get_or_insert_default();
            }
        } else if within
            && !line.starts_with([' ', '\t'])
            && let (Some(settings), Some((key, value))) = (&mut found, bare.split_once('='))
        {
            let value = value.split(" #").next().unwrap_or_default().trim();
            settings.insert(key.trim().to_ascii_lowercase(), value.to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "# mine\n[default]\nregion = eu-west-1\n\n[profile lab]\nregion=us-west-2 # far\n\
                          endpoint_url = https://s3.lab\ns3 =\n    max_concurrent_requests = 20\n[profile sso]\n\
                          sso_session = work\n";
    const KEYS: &str = "[default]\naws_access_key_id = ID\naws_secret_access_key = a=b\n\
                        [lab]\nAWS_ACCESS_KEY_ID=LAB\naws_secret_access_key=KEY\naws_session_token=TOKEN\n";

    #[test]
    fn a_profile_is_read_from_both_files() {
        let lab = Profile::of(Some("lab"), CONFIG, KEYS).unwrap();
        assert_eq!((lab.region.as_deref(), lab.endpoint.as_deref()), (Some("us-west-2"), Some("https://s3.lab")));
        let keys = lab.credentials().unwrap().unwrap();
        assert_eq!(keys.access_key_id.expose(), "LAB");
        assert_eq!(keys.session_token.unwrap().expose(), "TOKEN");
        let usual = Profile::of(None, CONFIG, KEYS).unwrap();
        assert_eq!(usual.region.as_deref(), Some("eu-west-1"));
        assert_eq!(usual.credentials().unwrap().unwrap().secret_access_key.expose(), "a=b");
    }

    #[test]
    fn what_is_not_there_or_not_supported_is_said() {
        let error = Profile::of(Some("none"), CONFIG, KEYS).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
        let error = Profile::of(Some("sso"), CONFIG, KEYS).unwrap().credentials().unwrap_err();
        assert!(error.hint().unwrap().contains("--profile sso"), "{error:?}");
        assert!(Profile::of(None, "", "").unwrap().credentials().unwrap().is_none());
    }
}
