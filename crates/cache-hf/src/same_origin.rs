//! A reqwest client that cannot leave one origin.
//!
//! hf-hub sends its token to whatever address a reply names: for example to the next page of a listing on any host.
//! Its client is therefore built so that no request to another scheme, host or port can leave this machine.

use std::fmt;

use reqwest::{ClientBuilder, NoProxy, Proxy, redirect};
use url::Url;

/// An address where nothing can listen: port 0 is none. A connection fails before a byte is sent.
const DEAD_END: &str = "http://127.0.0.1:0";

/// Most redirects on the way to one answer.
const MAX_HOPS: usize = 10;

/// The error of a redirect to another origin.
#[derive(Debug)]
pub(crate) struct LeftOrigin(String);

impl fmt::Display for LeftOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a redirect leads away, to {}; it was not followed", self.0)
    }
}

impl std::error::Error for LeftOrigin {}

/// Restricts a client to the endpoint's origin. Proxies that are added later hold for that origin alone.
pub(crate) fn same_origin_only(builder: ClientBuilder, endpoint: &Url) -> ClientBuilder {
    let home = endpoint.origin();
    let inside = home.clone();
    builder
        .proxy(Proxy::custom(move |url| (url.origin() != inside).then_some(DEAD_END)))
        .redirect(redirect::Policy::custom(move |attempt| {
            if attempt.url().origin() != home {
                let host = attempt.url().host_str().unwrap_or("another host").to_owned();
                attempt.error(LeftOrigin(host))
            } else if attempt.previous().len() > MAX_HOPS {
                attempt.error("too many redirects")
            } else {
                attempt.follow()
            }
        }))
        .referer(false)
}

/// The proxies that reqwest would find by itself, had it no fence: `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY`, also in
/// lower case, and `NO_PROXY`. One that is no address is passed over, as reqwest does.
pub(crate) fn with_proxies(mut builder: ClientBuilder, get: &dyn Fn(&str) -> Option<String>) -> ClientBuilder {
    type Make = fn(String) -> reqwest::Result<Proxy>;
    let first = |names: [&str; 2]| names.into_iter().find_map(get).filter(|value| !value.trim().is_empty());
    // A server that runs CGI programs sets HTTP_PROXY from a header of whoever asks it, and REQUEST_METHOD beside it.
    let http = first(["HTTP_PROXY", "http_proxy"]).filter(|_| get("REQUEST_METHOD").is_none());
    let proxies: [(Option<String>, Make); 3] = [
        (http, Proxy::http),
        (first(["HTTPS_PROXY", "https_proxy"]), Proxy::https),
        (first(["ALL_PROXY", "all_proxy"]), Proxy::all),
    ];
    let except = first(["NO_PROXY", "no_proxy"]).and_then(|list| NoProxy::from_string(&list));
    for (address, make) in proxies {
        if let Some(Ok(proxy)) = address.map(make) {
            builder = builder.proxy(proxy.no_proxy(except.clone()));
        }
    }
    builder
}

#[cfg(test)]
mod tests;
