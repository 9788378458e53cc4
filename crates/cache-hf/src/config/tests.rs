use std::collections::HashMap;

use super::*;

fn read(pairs: &[(&str, &str)]) -> Result<HfConfig> {
    let variables: HashMap<String, String> = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    HfConfig::from_variables(&|name| variables.get(name).cloned())
}

fn token(config: &HfConfig) -> Option<&str> {
    config.token.as_ref().map(Secret::expose)
}

#[test]
fn nothing_set_is_the_public_hub_without_a_token() {
    let config = read(&[]).unwrap();
    assert_eq!(config.endpoint.as_str(), "https://huggingface.co/");
    assert!(config.token.is_none() && !config.offline && config.home.is_none());
    assert_eq!(config.found, HfConfig::default().found);
}

#[test]
fn the_home_folder_in_its_order() {
    let home = |pairs: &[(&str, &str)]| read(pairs).unwrap().home.unwrap();
    assert_eq!(home(&[("HOME", "/h")]), Path::new("/h/.cache/huggingface"));
    assert_eq!(home(&[("HOME", "/h"), ("XDG_CACHE_HOME", "~/x")]), Path::new("/h/x/huggingface"));
    assert_eq!(home(&[("HOME", "/h"), ("XDG_CACHE_HOME", "/x"), ("HF_HOME", "$HOME/hf")]), Path::new("/h/hf"));
}

#[test]
fn the_token_in_its_order_and_where_it_was_found() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().to_str().unwrap();
    let other = folder.path().join("other");
    fs_err::write(folder.path().join("token"), "hf_file\n").unwrap();
    fs_err::write(&other, " hf_other \r\n").unwrap();
    let other = other.to_str().unwrap();
    let mut pairs = vec![("HF_HOME", home)];

    let config = read(&pairs).unwrap();
    assert_eq!(token(&config), Some("hf_file"));
    assert_eq!(config.found.token, Provenance::File(folder.path().join("token")));

    pairs.push(("HF_TOKEN_PATH", "$HF_HOME/other"));
    assert_eq!(token(&read(&pairs).unwrap()), Some("hf_other"));
    assert_eq!(read(&pairs).unwrap().found.token, Provenance::File(other.into()));

    pairs.push(("HUGGING_FACE_HUB_TOKEN", "hf_old"));
    assert_eq!(token(&read(&pairs).unwrap()), Some("hf_old"));

    pairs.push(("HF_TOKEN", "hf_new\n"));
    let config = read(&pairs).unwrap();
    assert_eq!(token(&config), Some("hf_new"));
    assert_eq!(config.found.token, Provenance::Variable("HF_TOKEN"));

    pairs.push(("HF_HUB_DISABLE_IMPLICIT_TOKEN", "0"));
    assert_eq!(token(&read(&pairs).unwrap()), Some("hf_new"));
    pairs.push(("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1"));
    let config = read(&pairs).unwrap();
    assert_eq!(token(&config), None);
    assert_eq!(config.found.token, Provenance::Disabled("HF_HUB_DISABLE_IMPLICIT_TOKEN"));
}

#[test]
fn unusable_token_file_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().to_str().unwrap();
    assert_eq!(read(&[("HF_TOKEN", "  "), ("HF_HOME", home)]).unwrap().found.token, Provenance::Default);
    fs_err::write(folder.path().join("token"), "\n").unwrap();
    assert_eq!(read(&[("HF_HOME", home)]).unwrap().found.token, Provenance::Default);
    fs_err::write(folder.path().join("token"), b"\xff\xfe").unwrap();
    let config = read(&[("HF_HOME", home)]).unwrap();
    assert!(config.token.is_none());
    assert!(matches!(config.found.token, Provenance::Unreadable(..)), "{}", config.found.token);
}

#[test]
fn invalid_token_is_refused_and_not_printed() {
    let error = read(&[("HF_TOKEN", "hf_a\nX-Evil: 1")]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.message().contains("HF_TOKEN") && !format!("{error:?}").contains("hf_a"), "{error}");
    assert!(HfConfig::default().with_token(Some("")).is_err());
}

#[test]
fn endpoints() {
    let endpoint = |text: &str| read(&[("HF_ENDPOINT", text)]).map(|config| config.endpoint.to_string());
    assert_eq!(endpoint("http://127.0.0.1:8080/").unwrap(), "http://127.0.0.1:8080/");
    assert_eq!(endpoint(" https://hub.example/hf/ ").unwrap(), "https://hub.example/hf");
    for bad in ["hub.example", "ftp://x/", "file:///etc", "https://me:secret@hub/", "http://x/?q=1", "http://"] {
        let error = endpoint(bad).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage, "{bad}");
        assert!(!error.message().contains("secret"));
    }
}

#[test]
fn offline_as_hugging_face_reads_it() {
    for (text, offline) in [("1", true), ("true", true), ("ON", true), ("yes", true), ("0", false), ("no", false)] {
        assert_eq!(read(&[("HF_HUB_OFFLINE", text)]).unwrap().offline, offline, "{text}");
    }
}

#[test]
fn nothing_prints_the_token() {
    let config = read(&[("HF_TOKEN", "hf_secret")]).unwrap();
    assert!(!format!("{config:?}").contains("hf_secret"));
}
