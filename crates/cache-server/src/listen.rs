//! Where connections come in: TCP, a unix socket, or what systemd hands over.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use cache_lib::{Error, ErrorKind, Result};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use crate::config::Listen;

/// The other end of a connection; in the extensions of each request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    /// Over TCP.
    Tcp(SocketAddr),
    /// Over the unix socket, by a process of this server's own user or of root.
    Unix,
}

/// The network that counts as one client: an IPv4 address, or 64 bits of IPv6.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address => address,
    }
}

/// A place that connections come in at.
#[derive(Debug)]
pub(crate) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener, Option<SocketFile>),
}

/// A connection that has come in.
#[derive(Debug)]
pub(crate) enum Connection {
    Tcp(TcpStream, SocketAddr),
    Unix(UnixStream),
}

/// Where a server can be reached, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Address {
    /// Over TCP.
    Tcp(SocketAddr),
    /// Over a unix socket.
    Unix(PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl Listener {
    /// Takes the places that are asked for.
    pub(crate) async fn take(wanted: &[Listen]) -> Result<Vec<Self>> {
        let mut taken = Vec::new();
        for listen in wanted {
            match listen {
                Listen::Tcp(address) => {
                    let listener = TcpListener::bind(address).await.map_err(|error| refused(address, &error))?;
                    taken.push(Self::Tcp(listener));
                }
                Listen::Unix(path) => taken.push(bind_unix(path).await?),
                Listen::Systemd => from_systemd(&mut taken)?,
            }
        }
        if taken.is_empty() {
            return Err(Error::new(ErrorKind::Usage, "no address to listen on")
                .with_hint("set server.listen, such as 127.0.0.1:8090")
                .with_reason(cache_lib::Reason::ListenAddress));
        }
        Ok(taken)
    }

    pub(crate) fn address(&self) -> Result<Address> {
        let what = |error| Error::storage("find the address", error);
        match self {
            Self::Tcp(listener) => listener.local_addr().map(Address::Tcp).map_err(what),
            Self::Unix(_, Some(file)) => Ok(Address::Unix(file.0.clone())),
            Self::Unix(listener, None) => {
                let address = listener.local_addr().map_err(what)?;
                Ok(Address::Unix(address.as_pathname().unwrap_or(Path::new("(unnamed)")).to_owned()))
            }
        }
    }

    /// The next connection. The unix socket accepts this user and root alone: its clients are admins.
    pub(crate) async fn accept(&self) -> io::Result<Connection> {
        match self {
            Self::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                // Replies are written whole; waiting for more to send only delays them.
                let _ = stream.set_nodelay(true);
                Ok(Connection::Tcp(stream, address))
            }
            Self::Unix(listener, _) => loop {
                let (stream, _) = listener.accept().await?;
                if is_ours(stream.peer_cred()?.uid()) {
                    return Ok(Connection::Unix(stream));
                }
            },
        }
    }
}

/// Lets this process open as many files as the system allows it: each connection is one.
pub(crate) fn raise_handles() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        tracing::debug!(%error, "the number of open files stays as it is");
    }
}

fn is_ours(user: u32) -> bool {
    user == 0 || user == rustix::process::geteuid().as_raw()
}

fn refused(address: &SocketAddr, error: &io::Error) -> Error {
    let hint = match error.kind() {
        io::ErrorKind::AddrInUse => "another program uses it: choose another port",
        io::ErrorKind::PermissionDenied => {
            "ports below 1024 are for root: choose another, or use socket activation of systemd"
        }
        _ => "choose an address of this machine",
    };
    Error::new(ErrorKind::Usage, format!("cannot listen on {address}: {error}")).with_hint(hint)
}

/// The file of a unix socket, removed with the listener.
#[derive(Debug)]
pub(crate) struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        let _ = fs_err::remove_file(&self.0);
    }
}

async fn bind_unix(path: &Path) -> Result<Listener> {
    use std::os::unix::fs::{FileTypeExt as _, PermissionsExt};
    let what = || format!("listen on {}", path.display());
    let is_socket = fs_err::symlink_metadata(path).is_ok_and(|there| there.file_type().is_socket());
    if is_socket {
        if UnixStream::connect(path).await.is_ok() {
            return Err(Error::new(ErrorKind::Usage, format!("{} is in use by another server", path.display()))
                .with_hint("stop it, or choose another path")
                .with_reason(cache_lib::Reason::ListenAddress));
        }
        // Left behind by one that was killed.
        fs_err::remove_file(path).map_err(|error| Error::storage(what(), error))?;
    }
    let listener = UnixListener::bind(path).map_err(|error| Error::storage(what(), error))?;
    let file = SocketFile(path.to_owned());
    fs_err::set_permissions(path, PermissionsExt::from_mode(0o600)).map_err(|error| Error::storage(what(), error))?;
    Ok(Listener::Unix(listener, Some(file)))
}

fn from_systemd(taken: &mut Vec<Listener>) -> Result<()> {
    let broken = |error: io::Error| {
        Error::new(ErrorKind::Usage, format!("the socket from systemd cannot be used: {error}"))
            .with_hint("ListenStream= takes a TCP address or the path of a unix socket")
    };
    let mut sockets = listenfd::ListenFd::from_env();
    if sockets.len() == 0 {
        return Err(Error::new(ErrorKind::Usage, "no socket from systemd (LISTEN_FDS is not set)")
            .with_hint("start it by its .socket unit, or set server.listen")
            .with_reason(cache_lib::Reason::ListenAddress));
    }
    for at in 0..sockets.len() {
        if let Ok(Some(listener)) = sockets.take_tcp_listener(at) {
            listener.set_nonblocking(true).map_err(broken)?;
            taken.push(Listener::Tcp(TcpListener::from_std(listener).map_err(broken)?));
        } else if let Some(listener) = sockets.take_unix_listener(at).map_err(broken)? {
            listener.set_nonblocking(true).map_err(broken)?;
            taken.push(Listener::Unix(UnixListener::from_std(listener).map_err(broken)?, None));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_socket_left_behind_is_taken_and_a_living_one_is_not() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let wanted = [Listen::Unix(path.clone())];
        let taken = Listener::take(&wanted).await.unwrap();
        assert_eq!(taken[0].address().unwrap(), Address::Unix(path.clone()));
        assert_eq!(fs_err::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(Listener::take(&wanted).await.unwrap_err().kind(), ErrorKind::Usage);
        drop(taken);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_taken_port_is_named() {
        let first = Listener::take(&[Listen::Tcp("127.0.0.1:0".parse().unwrap())]).await.unwrap();
        let Address::Tcp(address) = first[0].address().unwrap() else { panic!() };
        let error = Listener::take(&[Listen::Tcp(address)]).await.unwrap_err();
        assert!(error.message().contains(&address.to_string()) && error.hint().unwrap().contains("another port"));
        assert_eq!(Listener::take(&[Listen::Systemd]).await.unwrap_err().kind(), ErrorKind::Usage);
    }
}
