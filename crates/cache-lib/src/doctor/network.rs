//! [`Cache::doctor_network`]: the steps to a host: proxy, name, connection, TLS, answer, clock, limits, token.

use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

use cache_core::{RetryBudget, proxy_url};
use cache_net::{HttpRequest, HttpResponse, RedirectPolicy};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use url::Url;

#[cfg(feature = "hf")]
use crate::ModelId;
use crate::doctor::local::{Finding, Severity, invalid_proxy};
use crate::env::environment;
use crate::{Cache, Error, ErrorKind, Result};

/// Longest wait for each step.
const STEP_TIMEOUT: Duration = Duration::from_secs(8);
/// A clock that is off by more makes certificates and signed addresses fail.
const SKEW: Duration = Duration::from_secs(300);
/// The steps, in order.
const STEPS: [&str; 7] = ["proxy", "name", "connect", "tls", "answer", "limits", "token"];

/// The checked URL, and whether it is the Hub.
struct NetworkTarget {
    url: Url,
    hub: bool,
}

impl Cache {
    /// Goes the way to a host step by step: to the Hub's endpoint, or to the host of a reference or an address. The
    /// steps behind the first bad one are not tried.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when this cache is offline, or `what` names no host.
    pub async fn doctor_network(&self, what: Option<&str>) -> Result<Vec<Finding>> {
        if self.is_offline() {
            return Err(Error::new(ErrorKind::Usage, "network checks are not possible offline")
                .with_hint("turn offline mode off")
                .with_reason(crate::Reason::Offline));
        }
        let target = self.target(what)?;
        let mut findings = self.steps(&target).await;
        // A step is missing where one before it was bad.
        for step in STEPS.into_iter().filter(|&step| step != "token" || target.hub) {
            if !findings.iter().any(|finding| finding.area == step) {
                findings.push(Finding::new(step, Severity::Ok, "not tried"));
            }
        }
        Ok(findings)
    }

    fn target(&self, what: Option<&str>) -> Result<NetworkTarget> {
        if let Some(url) = what.and_then(|text| Url::parse(text).ok()).filter(|url| url.scheme().starts_with("http")) {
            return Ok(NetworkTarget { url, hub: false });
        }
        let model = what.map(|text| self.reference(text).map(|reference| reference.model)).transpose()?;
        match model {
            #[cfg(feature = "hf")]
            None | Some(ModelId::Hub { .. }) => {
                let mut url = self.0.sources.hub_config()?.endpoint;
                // Answered with little JSON by every Hub, whoever asks.
                url.set_path(&format!("{}/api/whoami-v2", url.path().trim_end_matches('/')));
                Ok(NetworkTarget { url, hub: true })
            }
            _ => Err(Error::new(ErrorKind::Usage, "no host to check")
                .with_hint("name a model of the Hub or a URL: https://host/file")),
        }
    }

    async fn steps(&self, target: &NetworkTarget) -> Vec<Finding> {
        let mut findings = Vec::new();
        let proxy = match proxy_of(&target.url) {
            Ok(proxy) => proxy,
            Err(finding) => return vec![*finding],
        };
        findings.push(match &proxy {
            Some((name, url)) => Finding::new("proxy", Severity::Ok, format!("{} of {name} is used", place(url))),
            None => Finding::new("proxy", Severity::Ok, "none is used"),
        });
        let next = proxy.as_ref().map_or(&target.url, |(_, url)| url);
        let addresses = match look_up(next).await {
            Ok((finding, addresses)) => {
                findings.push(finding);
                addresses
            }
            Err(finding) => {
                findings.push(*finding);
                return findings;
            }
        };
        let connected = connect(next, &addresses, proxy.is_some()).await;
        let bad = connected.level == Severity::Bad;
        findings.push(connected);
        if bad {
            return findings;
        }
        let began = Instant::now();
        let asked = timeout(STEP_TIMEOUT, self.ask(target)).await.unwrap_or_else(|_| Err(late()));
        findings.push(tls(target, asked.as_ref().err()));
        if findings.last().is_some_and(|finding| finding.level == Severity::Bad) {
            return findings;
        }
        let response = match asked {
            Ok(response) => response,
            Err(error) => {
                let fix = error.hint().unwrap_or("try again later").to_owned();
                findings.push(Finding::new("answer", Severity::Bad, error.to_string()).fix(fix));
                return findings;
            }
        };
        let answer = answer(target, &response, began.elapsed());
        let bad = answer.level == Severity::Bad;
        findings.push(answer);
        findings.extend(clock(&response));
        findings.push(limits(&response));
        #[cfg(feature = "hf")]
        if target.hub && !bad {
            findings.push(self.token_found().await);
        }
        let _ = bad;
        findings
    }

    async fn ask(&self, target: &NetworkTarget) -> Result<HttpResponse> {
        let client = self.0.sources.http()?;
        let request =
            if target.hub { HttpRequest::get(target.url.clone()) } else { HttpRequest::head(target.url.clone()) };
        client.send(request.budget(RetryBudget::none()).redirects(RedirectPolicy::None)).await
    }

    #[cfg(feature = "hf")]
    async fn token_found(&self) -> Finding {
        let config = match self.0.sources.hub_config() {
            Ok(config) => config,
            Err(error) => return Finding::new("token", Severity::Bad, error.to_string()),
        };
        if config.token.is_none() {
            return Finding::new(
                "token",
                Severity::Ok,
                format!("none ({}); public models need none", config.found.token),
            );
        }
        let mut finding = self.token().await;
        finding.text = format!("{} (from {})", finding.text, config.found.token);
        finding
    }
}

/// Scheme, host and port: all of an address that is safe to show.
fn place(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// The proxy that the environment names for an address.
fn proxy_of(url: &Url) -> Result<Option<(&'static str, Url)>, Box<Finding>> {
    let names = match url.scheme() {
        "https" => ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"],
        _ => ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"],
    };
    let host = url.host_str().unwrap_or_default();
    let exempt = environment("NO_PROXY").or_else(|| environment("no_proxy")).unwrap_or_default();
    if exempt.split(',').any(|rule| exempts(rule.trim(), host)) {
        return Ok(None);
    }
    let Some((name, text)) = names.into_iter().find_map(|name| Some((name, environment(name)?))) else {
        return Ok(None);
    };
    match proxy_url(&text) {
        Some(url) => Ok(Some((name, url))),
        None => Err(Box::new(invalid_proxy(name))),
    }
}

/// A rule of `NO_PROXY` as curl reads it: a host, the end of one, or `*`.
fn exempts(rule: &str, host: &str) -> bool {
    let rule = rule.trim_start_matches('.');
    let below = host.strip_suffix(rule).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    rule == "*" || (!rule.is_empty() && below)
}

async fn look_up(url: &Url) -> Result<(Finding, Vec<SocketAddr>), Box<Finding>> {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let port = url.port_or_known_default().unwrap_or(1080);
    let bad = |problem: String| {
        Box::new(
            Finding::new("name", Severity::Bad, format!("could not resolve host {host}: {problem}"))
                .fix("check the host's spelling, the network and the DNS server (/etc/resolv.conf)"),
        )
    };
    let addresses: Vec<SocketAddr> = match timeout(STEP_TIMEOUT, lookup_host((host.as_str(), port))).await {
        Ok(Ok(found)) => found.collect(),
        Ok(Err(error)) => return Err(bad(error.to_string())),
        Err(_) => return Err(bad(format!("no answer within {} s", STEP_TIMEOUT.as_secs()))),
    };
    if addresses.is_empty() {
        return Err(bad("it has no IP address".to_owned()));
    }
    let list: Vec<String> = addresses.iter().take(4).map(|address| address.ip().to_string()).collect();
    Ok((Finding::new("name", Severity::Ok, format!("{host} is {}", list.join(", "))), addresses))
}

async fn connect(url: &Url, addresses: &[SocketAddr], proxied: bool) -> Finding {
    let mut problem = String::new();
    for address in addresses.iter().take(4) {
        let began = Instant::now();
        match timeout(STEP_TIMEOUT, TcpStream::connect(address)).await {
            Ok(Ok(_)) => {
                let text = format!("connected to {address} in {} ms", began.elapsed().as_millis());
                return Finding::new("connect", Severity::Ok, text);
            }
            Ok(Err(error)) => problem = format!("{address}: {error}"),
            Err(_) => problem = format!("{address}: timed out after {} s", STEP_TIMEOUT.as_secs()),
        }
    }
    let fix = if proxied {
        "the proxy is down or unreachable: check the proxy variables"
    } else {
        "check that the server runs, and the network and the firewall; some networks need a proxy (HTTPS_PROXY)"
    };
    Finding::new("connect", Severity::Bad, format!("could not connect to {}: {problem}", place(url))).fix(fix)
}

fn late() -> Error {
    Error::new(ErrorKind::Network, format!("no answer within {} s", STEP_TIMEOUT.as_secs()))
        .with_hint("the server or the network is slow; try again later")
}

/// TLS, as far as the request shows: certificates are checked before any answer.
fn tls(target: &NetworkTarget, error: Option<&Error>) -> Finding {
    if target.url.scheme() == "http" {
        return Finding::new("tls", Severity::Ok, "none: plain http");
    }
    let Some(error) = error else { return Finding::new("tls", Severity::Ok, "the certificate is trusted") };
    let words = error.message().to_ascii_lowercase();
    let said = |any: &[&str]| any.iter().any(|word| words.contains(word));
    let fix = if !said(&["connection failed", "connection timed out", "the certificate file", "proxy refused"]) {
        return Finding::new("tls", Severity::Ok, "no problem found");
    } else if said(&["unknownissuer", "unknown issuer", "self signed", "self-signed", "local issuer"]) {
        "the authority of the certificate is unknown here: if your organization inspects TLS, name its certificates in \
         SSL_CERT_FILE; else install ca-certificates"
    } else if said(&["expired", "notvalidyet", "not valid yet"]) {
        "the certificate is not valid at this time: check this machine's clock (date), then tell the host's owner"
    } else if said(&["notvalidforname", "not valid for name", "hostname mismatch"]) {
        "the certificate is for another host: check the URL; a sign-in page may be in between"
    } else if said(&["speaks plain http"]) {
        error.hint().unwrap_or("write http:// instead of https://")
    } else if !said(&["tls connection failed", "the certificate file", "proxy refused"]) {
        // TCP has just worked, so it was the handshake.
        "the host does not speak TLS: check the port, and proxies on the way"
    } else {
        error.hint().unwrap_or("check SSL_CERT_FILE and the proxy variables")
    };
    Finding::new("tls", Severity::Bad, error.to_string()).fix(fix)
}

fn answer(target: &NetworkTarget, response: &HttpResponse, took: Duration) -> Finding {
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let server: String = header("server").chars().filter(|c| !c.is_control()).take(60).collect();
    let server = if server.is_empty() { String::new() } else { format!(" by {server}") };
    let status = response.status();
    let text = format!("{} answered {status}{server} in {} ms", place(&target.url), took.as_millis());
    let page = header("content-type").starts_with("text/html");
    let elsewhere = status.is_redirection()
        && Url::options()
            .base_url(Some(&target.url))
            .parse(header("location"))
            .is_ok_and(|to| to.host() != target.url.host());
    if target.hub && (page || elsewhere) {
        let what = if page { "a web page" } else { "a redirect to another host" };
        return Finding::new("answer", Severity::Bad, format!("{text}, with {what} instead of JSON"))
            .fix("a sign-in page or a proxy answers instead of the Hub: open a browser and sign in");
    }
    if target.hub && status == 404 {
        return Finding::new("answer", Severity::Warn, text)
            .fix("the endpoint is not a Hub, or an incomplete mirror; check HF_ENDPOINT");
    }
    Finding::new("answer", Severity::Ok, text)
}

fn clock(response: &HttpResponse) -> Option<Finding> {
    let date = response.headers().get("date")?.to_str().ok()?;
    let there = httpdate::parse_http_date(date).ok()?;
    let now = SystemTime::now();
    let skew = now.duration_since(there).or_else(|_| there.duration_since(now)).unwrap_or_default();
    (skew > SKEW).then(|| {
        Finding::new("clock", Severity::Warn, format!("clock differs from the host's by {} s", skew.as_secs()))
            .fix("set the clock: certificates and signed URLs depend on it")
    })
}

fn limits(response: &HttpResponse) -> Finding {
    let headers = response.headers().iter().filter(|(name, _)| name.as_str().contains("ratelimit"));
    let headers: Vec<String> = headers
        .filter_map(|(name, value)| {
            Some(format!("{name}: {}", value.to_str().ok()?.chars().take(80).collect::<String>()))
        })
        .take(4)
        .collect();
    let text = if headers.is_empty() { "no rate-limit headers".to_owned() } else { headers.join("; ") };
    Finding::new("limits", Severity::Ok, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exemptions_from_the_proxy() {
        for (rule, host, yes) in [
            ("*", "a.b", true),
            ("b.c", "b.c", true),
            (".b.c", "a.b.c", true),
            ("b.c", "ab.c", false),
            ("", "b.c", false),
        ] {
            assert_eq!(exempts(rule, host), yes, "{rule} {host}");
        }
    }

    #[test]
    fn certificate_errors_are_distinguished() {
        let target = NetworkTarget { url: Url::parse("https://h/").unwrap(), hub: true };
        let of = |cause: &str| {
            tls(&target, Some(&Error::new(ErrorKind::Network, format!("TLS connection failed: {cause}"))))
        };
        for (cause, part) in [
            ("invalid peer certificate: UnknownIssuer", "SSL_CERT_FILE"),
            ("invalid peer certificate: certificate expired: verified at time 5", "clock"),
            ("invalid peer certificate: certificate not valid for name \"h\"", "another host"),
        ] {
            let finding = of(cause);
            assert_eq!(finding.level, Severity::Bad);
            assert!(finding.fix.unwrap().contains(part), "{cause}");
        }
        assert_eq!(tls(&target, Some(&Error::new(ErrorKind::Network, "the host answered 500"))).level, Severity::Ok);
    }
}
