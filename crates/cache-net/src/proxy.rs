//! Proxies by environment variables: which request goes through one, and whether the variable can be read.

use cache_core::{Error, ErrorKind, Result, proxy_url};
use hyper_util::client::proxy::matcher::Matcher;

use crate::Origin;

/// Names of variables, the first that is set counts.
const HTTP: [&str; 2] = ["HTTP_PROXY", "http_proxy"];
const HTTPS: [&str; 2] = ["HTTPS_PROXY", "https_proxy"];
const ALL: [&str; 2] = ["ALL_PROXY", "all_proxy"];
const EXEMPT: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// The proxies of the environment when the first request was made.
#[derive(Debug)]
pub(crate) struct Environment {
    matcher: Matcher,
    /// Intercepts whatever `NO_PROXY` does not exempt.
    others: Matcher,
    /// Variables that count for a scheme and are no URL.
    http: Option<&'static str>,
    https: Option<&'static str>,
}

impl Environment {
    pub(crate) fn read() -> Self {
        // Of programs run by a web server, anyone could set HTTP_PROXY.
        let is_cgi = std::env::var_os("REQUEST_METHOD").is_some();
        let value = |name: &str| std::env::var(name).ok().filter(|text| !text.trim().is_empty());
        let set = |names: [&'static str; 2]| names.into_iter().find_map(|name| Some((name, value(name)?)));
        let invalid = |names| {
            let (name, text) = set(names).or_else(|| set(ALL))?;
            (!is_cgi && proxy_url(&text).is_none()).then_some(name)
        };
        let exempt = set(EXEMPT).map(|(_, rules)| rules).unwrap_or_default();
        Self {
            matcher: Matcher::from_system(),
            others: Matcher::builder().all("http://127.0.0.1").no(exempt).build(),
            http: invalid(HTTP),
            https: invalid(HTTPS),
        }
    }

    /// Whether a proxy comes between, which then looks the name up itself.
    pub(crate) fn intercepts(&self, uri: &http::Uri) -> bool {
        self.matcher.intercept(uri).is_some()
    }

    /// # Errors
    /// [`ErrorKind::Usage`] where the variable that counts for this server is no URL. Its text is not repeated.
    pub(crate) fn check(&self, origin: &Origin) -> Result<()> {
        let Some(name) = (if origin.scheme() == "https" { self.https } else { self.http }) else { return Ok(()) };
        let uri = format!("{}://{}/", origin.scheme(), origin.authority()).parse::<http::Uri>();
        if uri.is_ok_and(|uri| self.others.intercept(&uri).is_none()) {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Usage, format!("{name}: the proxy's URL is not valid")).with_hint(
            "write http://user:password@host:port, with `/`, `?`, `#` and `@` of the password percent-encoded",
        ))
    }
}
