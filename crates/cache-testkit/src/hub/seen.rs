//! [`Seen`]: the requests that were answered.

use http::HeaderMap;

/// Which of the two servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The Hub itself: API, small files, redirects.
    Hub,
    /// Where the large files lie: same machine, another port.
    Cdn,
}

/// One request that was answered.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Seen {
    /// Which server.
    pub origin: Origin,
    /// Which connection, numbered over the process.
    pub connection: u64,
    /// `GET`, `HEAD`, `POST`.
    pub method: String,
    /// The path as it arrived, percent-encoded.
    pub path: String,
    /// The query as it arrived, without the question mark.
    pub query: String,
    /// All headers.
    pub headers: HeaderMap,
    /// The status of the reply; `None` when the connection was closed instead.
    pub status: Option<u16>,
}

impl Seen {
    /// A header's value, if it was sent and is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}
