//! [`AllowedHosts`]: under which names the server may be asked, and from which pages.
//!
//! A page of another site can make a browser send requests here: under its own name after its DNS entry was pointed at
//! this machine (DNS rebinding), or across sites. The first is seen by `Host`, the second by `Origin`.

use std::net::IpAddr;

use http::header::{HOST, ORIGIN};
use http::request::Parts;
use http::uri::Authority;

use crate::config::{Listen, ServerConfig};

/// Names under which the server may be asked.
#[derive(Debug)]
pub(super) struct AllowedHosts {
    names: Vec<String>,
    /// Listed as they are: also other sites that may change something.
    listed: Vec<String>,
    /// Listens on all addresses: then any address is its own. A page cannot be rebound to one, only to a name.
    any_address: bool,
}

impl AllowedHosts {
    pub(super) fn new(config: &ServerConfig) -> Self {
        let listed: Vec<String> = config.hosts.iter().map(|host| host.trim().to_ascii_lowercase()).collect();
        let mut names: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec();
        names.extend(listed.iter().map(|host| bare(host).to_owned()));
        let addresses = config.listen.iter().filter_map(|listen| match listen {
            Listen::Tcp(address) => Some(address.ip()),
            _ => None,
        });
        let addresses: Vec<IpAddr> = addresses.collect();
        names.extend(addresses.iter().map(ToString::to_string));
        // What systemd hands over is not known here.
        let unknown = config.listen.contains(&Listen::Systemd);
        Self { names, listed, any_address: unknown || addresses.iter().any(IpAddr::is_unspecified) }
    }

    /// Whether all names that the request gives the server are its own. One that gives none is refused.
    pub(super) fn match_request(&self, parts: &Parts) -> bool {
        let mut headers = parts.headers.get_all(HOST).iter().map(|value| value.to_str().unwrap_or_default());
        let (first, second) = (headers.next(), headers.next());
        let target = parts.uri.authority().map(Authority::as_str);
        second.is_none()
            && (first.is_some() || target.is_some())
            && first.into_iter().chain(target).all(|host| self.matches(host))
    }

    fn matches(&self, host: &str) -> bool {
        let Ok(authority) = host.parse::<Authority>() else { return false };
        let host = bare(authority.as_str()).to_ascii_lowercase();
        let host = host.strip_suffix('.').unwrap_or(&host);
        !authority.as_str().contains('@')
            && (self.names.iter().any(|name| name == host) || self.any_address && host.parse::<IpAddr>().is_ok())
    }

    /// Whether the request comes from a page of another site.
    pub(super) fn is_cross_site(&self, parts: &Parts) -> bool {
        let text = |name: &str| parts.headers.get(name).map(|value| value.to_str().unwrap_or_default());
        let Some(origin) = text(ORIGIN.as_str()) else {
            return text("sec-fetch-site").is_some_and(|site| !matches!(site, "same-origin" | "none"));
        };
        let origin = origin.to_ascii_lowercase();
        let Some(site) = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://")) else {
            return true;
        };
        let own = parts.uri.authority().map(Authority::as_str).or_else(|| text(HOST.as_str()));
        let own = own.is_some_and(|own| own.eq_ignore_ascii_case(site));
        !own && !self.listed.iter().any(|host| host == site)
    }
}

/// Without port and brackets.
fn bare(host: &str) -> &str {
    if let Some((address, _)) = host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return address;
    }
    match host.split_once(':') {
        // More than one colon is an address without brackets.
        Some((name, port)) if !port.contains(':') => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(listen: &str, names: &[&str]) -> AllowedHosts {
        let hosts = names.iter().map(|&name| name.to_owned()).collect();
        AllowedHosts::new(&ServerConfig { listen: vec![listen.parse().unwrap()], hosts, ..ServerConfig::default() })
    }

    fn parts(uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = http::Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn only_our_names_are_heard() {
        let closed = hosts("127.0.0.1:8090", &["Hub.Example.com", "other.example:8443"]);
        let ours = |host: &str| closed.match_request(&parts("/", &[("host", host)]));
        for host in ["localhost", "LOCALHOST.:8090", "127.0.0.1:1", "[::1]:8090", "hub.example.com", "other.example"] {
            assert!(ours(host), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "localhost@evil.example",
            "evil@localhost",
            "192.168.0.5",
            "",
            "hub.example.com.evil",
            "a b",
            "[::2]",
            "0.0.0.0",
        ] {
            assert!(!ours(host), "{host}");
        }
        assert!(!closed.match_request(&parts("/", &[])));
        assert!(!closed.match_request(&parts("/", &[("host", "localhost"), ("host", "evil.example")])));
        assert!(closed.match_request(&parts("http://localhost:8090/", &[])));
        assert!(!closed.match_request(&parts("http://evil.example/", &[("host", "localhost")])));
        assert!(!closed.match_request(&parts("http://localhost/", &[("host", "evil.example")])));
        let open = hosts("0.0.0.0:8090", &[]);
        assert!(open.match_request(&parts("/", &[("host", "192.168.0.5:8090")])));
        assert!(open.match_request(&parts("/", &[("host", "[fe80::1]:8090")])));
        assert!(!open.match_request(&parts("/", &[("host", "evil.example")])));
        assert!(hosts("192.168.0.5:1", &[]).match_request(&parts("/", &[("host", "192.168.0.5:1")])));
    }

    #[test]
    fn a_page_of_another_site_is_foreign() {
        let hosts = hosts("127.0.0.1:8090", &["hub.example.com"]);
        let foreign = |headers: &[(&str, &str)]| hosts.is_cross_site(&parts("/", headers));
        let host = ("host", "localhost:8090");
        assert!(!foreign(&[host]));
        assert!(!foreign(&[host, ("origin", "http://localhost:8090")]));
        assert!(!foreign(&[host, ("sec-fetch-site", "same-origin")]));
        assert!(!foreign(&[("host", "localhost"), ("origin", "https://hub.example.com")]));
        for origin in [
            "http://localhost:3000",
            "http://evil.example",
            "null",
            "",
            "file://localhost:8090",
            "https://hub.example.com.evil",
        ] {
            assert!(foreign(&[host, ("origin", origin)]), "{origin}");
        }
        assert!(foreign(&[host, ("sec-fetch-site", "cross-site")]));
        assert!(foreign(&[host, ("sec-fetch-site", "same-site")]));
    }
}
