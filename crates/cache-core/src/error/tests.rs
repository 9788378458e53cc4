use super::*;

#[test]
fn an_error_survives_the_way_to_another_process() {
    let error = Error::new(ErrorKind::Network, "GET /x: connection reset")
        .with_host("hub.example:443")
        .with_hint("check the network")
        .exhausted(5, Duration::from_secs(3));
    let text = serde_json::to_string(&error).unwrap();
    let back: Error = serde_json::from_str(&text).unwrap();
    assert_eq!(back.to_string(), error.to_string());
    assert_eq!(back.kind(), ErrorKind::Network);
    assert_eq!(back.hint(), error.hint());
    assert!(back.to_string().contains("tried 5 times"));
}

#[test]
fn cause_is_the_last_part_of_the_message() {
    for (message, cause) in [
        ("GET http://h/x: connection failed: Connection refused (os error 111)", "connection refused"),
        ("GET http://h/x: timed out", "timed out"),
        ("TLS failed", "TLS failed"),
        ("", ""),
    ] {
        assert_eq!(Error::new(ErrorKind::Network, message).cause(), cause);
    }
}

#[test]
fn lack_of_descriptors_is_found_below_others() {
    let lack = || std::io::Error::from_raw_os_error(24);
    let wrapped = std::io::Error::new(lack().kind(), Error::new(ErrorKind::Storage, "open").with_source(lack()));
    let text = std::io::Error::new(lack().kind(), format!("failed to open file `/x`: {}", lack()));
    for error in [lack(), wrapped, text] {
        let error = Error::storage("open the file", error);
        assert!(error.is_retryable() && error.hint().is_some_and(|hint| hint.contains("ulimit")), "{error:?}");
    }
    let other = Error::new(ErrorKind::Usage, "open").with_source(lack());
    assert!(other.hint().is_some_and(|hint| hint.contains("ulimit")), "{other:?}");
    assert!(!Error::storage("open", std::io::Error::from_raw_os_error(2)).is_retryable());
}

#[test]
fn a_retry_helps_where_nothing_has_to_be_changed() {
    let down = Error::new(ErrorKind::Network, "reset").with_retry(Retry::Backoff);
    assert!(down.retry_helps() && down.exhausted(5, Duration::ZERO).retry_helps());
    assert!(Error::interrupted().retry_helps());
    for kind in [ErrorKind::Network, ErrorKind::Integrity, ErrorKind::Unauthorized, ErrorKind::NoSpace] {
        assert!(!Error::new(kind, "no").retry_helps(), "{kind:?}");
    }
    assert_eq!(ErrorKind::Integrity.category().as_str(), "verification");
    assert_eq!(serde_json::to_value(Category::NotFound).unwrap(), Category::NotFound.as_str());
}

#[test]
fn a_full_disk_is_no_ordinary_storage_error() {
    let error = Error::storage("write x", std::io::ErrorKind::StorageFull.into());
    assert_eq!(error.kind().exit_code(), 7);
}
