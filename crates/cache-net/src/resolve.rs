//! DNS lookup filtered by [`Reach`]: the address that is checked is the one that is connected to.

use std::collections::HashSet;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use hyper_util::client::legacy::connect::dns::Name;
use tower::{BoxError, Service};

use crate::{AddressClass, AllowList, Reach};

/// Most named hosts that are remembered to be public.
const MAX_PUBLIC: usize = 1024;

/// Resolves host names, and classifies addresses. Tests have their own.
pub trait Resolver: fmt::Debug + Send + Sync + 'static {
    /// The addresses of a host name, the preferred one first.
    fn resolve(&self, host: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>>;

    /// The kind of network that an address belongs to.
    fn class(&self, address: IpAddr) -> AddressClass {
        AddressClass::of(address)
    }
}

/// The system's own lookup, `getaddrinfo`, on a thread that may block.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

impl Resolver for SystemResolver {
    fn resolve(&self, host: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let host = host.to_owned();
        Box::pin(async move { Ok(tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect()) })
    }
}

/// A name that was not found. A type of its own, because hyper tells it from other failures in words only.
#[derive(Debug, thiserror::Error)]
#[error("name not found")]
pub(crate) struct LookupFailed(#[source] io::Error);

/// A host that resolves to an address that the request may not reach.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{host} resolves to {address}, a {class} address, which is refused")]
pub(crate) struct ForbiddenAddress {
    pub(crate) host: String,
    pub(crate) address: IpAddr,
    pub(crate) class: AddressClass,
}

/// Filters resolved addresses, for all clients of one configuration.
#[derive(Debug)]
pub(crate) struct Addresses {
    resolver: Arc<dyn Resolver>,
    allowed: AllowList,
    /// Named hosts that were seen at a public address: they cannot be bound to another kind later.
    public: Mutex<HashSet<String>>,
}

impl Addresses {
    pub(crate) fn new(resolver: Arc<dyn Resolver>, allowed: AllowList) -> Arc<Self> {
        Arc::new(Self { resolver, allowed, public: Mutex::default() })
    }

    /// Whether an address belongs to the internet.
    pub(crate) fn is_public(&self, address: IpAddr) -> bool {
        self.resolver.class(address) == AddressClass::Public
    }

    /// Checks a host that is an address, or stands for one by definition. Other names are checked when looked up.
    pub(crate) fn check(&self, host: &str, reach: Reach) -> Result<(), ForbiddenAddress> {
        literal(host).map_or(Ok(()), |address| self.permit(host, address, reach))
    }

    fn permit(&self, host: &str, address: IpAddr, reach: Reach) -> Result<(), ForbiddenAddress> {
        let class = self.resolver.class(address);
        if reach.permits(class) || self.allowed.has_host(host) || self.allowed.has_address(address) {
            return Ok(());
        }
        Err(ForbiddenAddress { host: host.to_owned(), address, class })
    }

    /// Those addresses of a name that may be reached.
    async fn look_up(&self, host: &str, reach: Reach) -> Result<Vec<SocketAddr>, BoxError> {
        let found = self.resolver.resolve(host).await.map_err(LookupFailed)?;
        let reach = self.settled(host, &found, reach);
        let mut refused = None;
        let mut fine = Vec::new();
        for address in found {
            match self.permit(host, address, reach) {
                Ok(()) => fine.push(SocketAddr::new(address, 0)),
                Err(error) => refused = Some(error),
            }
        }
        match refused {
            Some(refused) if fine.is_empty() => Err(refused.into()),
            _ => Ok(fine),
        }
    }

    /// Remembers that a named host is public, and holds it to that.
    fn settled(&self, host: &str, found: &[IpAddr], reach: Reach) -> Reach {
        if reach != Reach::Named {
            return reach;
        }
        let mut public = self.public.lock().unwrap_or_else(PoisonError::into_inner);
        if public.contains(host) {
            return Reach::Public;
        }
        if found.iter().any(|&address| self.is_public(address)) && public.len() < MAX_PUBLIC {
            public.insert(host.to_owned());
        }
        reach
    }
}

/// The address that a host of a URL is, without a lookup.
pub(crate) fn literal(host: &str) -> Option<IpAddr> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.parse().ok().or_else(|| is_localhost(host).then(|| IpAddr::from([127, 0, 0, 1])))
}

/// Names that are this machine by definition (RFC 6761).
pub(crate) fn is_localhost(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

/// The lookup of one client, whose requests all have the same reach.
#[derive(Debug, Clone)]
pub(crate) struct FilteredLookup {
    pub(crate) addresses: Arc<Addresses>,
    pub(crate) reach: Reach,
}

impl FilteredLookup {
    async fn run(self, host: String) -> Result<std::vec::IntoIter<SocketAddr>, BoxError> {
        self.addresses.look_up(&host, self.reach).await.map(Vec::into_iter)
    }
}

/// For hyper's connector.
impl Service<Name> for FilteredLookup {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        Box::pin(self.clone().run(name.as_str().to_owned()))
    }
}

/// For reqwest.
impl reqwest::dns::Resolve for FilteredLookup {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let lookup = self.clone().run(name.as_str().to_owned());
        Box::pin(async move { lookup.await.map(|found| Box::new(found) as reqwest::dns::Addrs) })
    }
}
