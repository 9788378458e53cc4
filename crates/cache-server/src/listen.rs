//! Accepting connections.

use std::net::SocketAddr;

/// The other end of a connection; in the extensions of each request.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Peer {
    /// Over TCP.
    Tcp(SocketAddr),
    /// Over the unix socket.
    Unix,
}
