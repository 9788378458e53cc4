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
fn endpoint_with_password_is_refused_unseen() {
    for text in ["https://me:hush@s3.example", "http://hush@h:9000", "::hush::", "https://h/?token=hush"] {
        let error = endpoint(text).unwrap_err();
        assert!(error.kind() == ErrorKind::Usage && !format!("{error:?}").contains("hush"), "{error:?}");
    }
}

#[test]
#[cfg(feature = "gcs")]
fn an_emulator_is_asked_without_credentials() {
    let resolve = |config: &GcsConfig, variables: &[(&str, &str)]| {
        let get = |name: &str| variables.iter().find(|known| known.0 == name).map(|known| known.1.to_owned());
        config.completed(&get).unwrap()
    };
    let emulator = ("STORAGE_EMULATOR_HOST", "localhost:4443");
    let found = resolve(&GcsConfig::default(), &[emulator]);
    assert!(found.anonymous && found.allow_http);
    for (config, variables) in [
        (GcsConfig::default(), vec![emulator, ("GOOGLE_BASE_URL", "https://gcs.example")]),
        (
            GcsConfig { endpoint: Some(endpoint("https://gcs.example").unwrap()), ..GcsConfig::default() },
            vec![emulator],
        ),
    ] {
        let found = resolve(&config, &variables);
        assert_eq!(found.endpoint.unwrap().as_str(), "https://gcs.example/");
        assert!(!found.anonymous && !found.allow_http);
    }
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

#[cfg(feature = "s3")]
mod s3 {
    use super::*;

    const CONFIG: &str = "[profile lab]\nregion = lab-1\nendpoint_url = https://s3.lab\n\
                          [profile bare]\nregion = bare-1\n[profile sso]\nsso_session = corp\n";
    const KEYS: &str = "[lab]\naws_access_key_id = LAB\naws_secret_access_key = LABKEY\n";
    const ENVIRONMENT: [(&str, &str); 3] =
        [("AWS_ACCESS_KEY_ID", "ENV"), ("AWS_SECRET_ACCESS_KEY", "ENVKEY"), ("AWS_SESSION_TOKEN", "ENVTOKEN")];

    /// Resolves with these variables; `AWS_PROFILE` is one.
    fn resolve(config: &S3Config, variables: &[(&str, &str)]) -> Result<S3Config> {
        let get = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        let chosen = config.profile.clone().or_else(|| get("AWS_PROFILE"));
        config.completed(&get, &Profile::of(chosen.as_deref(), CONFIG, KEYS)?)
    }

    fn profile(name: &str) -> S3Config {
        S3Config { profile: Some(name.to_owned()), ..S3Config::default() }
    }

    #[test]
    fn profile_keys_never_mix_with_variables() {
        let lab = resolve(&profile("lab"), &ENVIRONMENT).unwrap();
        let keys = lab.credentials.unwrap();
        assert_eq!((keys.access_key_id.expose(), keys.secret_access_key.expose()), ("LAB", "LABKEY"));
        assert!(keys.session_token.is_none(), "the variable's token is of other keys");
        assert_eq!(lab.endpoint.unwrap().as_str(), "https://s3.lab/");
        let elsewhere = [&ENVIRONMENT[..], &[("AWS_ENDPOINT_URL", "https://other"), ("AWS_REGION", "r")]].concat();
        let lab = resolve(&profile("lab"), &elsewhere).unwrap();
        assert_eq!((lab.endpoint.unwrap().as_str(), lab.region.as_deref()), ("https://s3.lab/", Some("lab-1")));
        // Keys of variables must not go to the endpoint of a profile that a variable names.
        let both = [&ENVIRONMENT[..], &[("AWS_PROFILE", "lab")]].concat();
        assert_eq!(resolve(&S3Config::default(), &both).unwrap_err().kind(), ErrorKind::Usage);
        let both = [&ENVIRONMENT[..], &[("AWS_PROFILE", "sso")]].concat();
        let keys = resolve(&S3Config::default(), &both).unwrap().credentials.unwrap();
        assert_eq!(keys.session_token.unwrap().expose(), "ENVTOKEN");
    }

    #[test]
    fn profile_without_keys_is_an_error() {
        for (config, variables) in
            [(profile("bare"), &ENVIRONMENT[..]), (S3Config::default(), &[("AWS_PROFILE", "bare")][..])]
        {
            let error = resolve(&config, variables).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unauthorized, "{error:?}");
        }
        let error = resolve(&profile("sso"), &[]).unwrap_err();
        assert!(error.hint().unwrap().contains("aws configure export-credentials --profile sso --format env"));
        let anonymous = S3Config { anonymous: true, ..profile("bare") };
        assert!(resolve(&anonymous, &[]).unwrap().credentials.is_none());
        assert!(resolve(&S3Config::default(), &[]).unwrap().credentials.is_none(), "the machine's own may follow");
    }

    #[test]
    fn half_a_pair_of_keys_is_an_error() {
        for half in &ENVIRONMENT[..2] {
            assert_eq!(resolve(&S3Config::default(), &[*half]).unwrap_err().kind(), ErrorKind::Usage);
        }
    }
}
