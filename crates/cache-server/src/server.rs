//! [`Server`]: accepts connections, serves them, ends in order.

use std::collections::BTreeSet;
use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::Router;
use cache_lib::{Cache, ModelRef, Result};
use http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_io_timeout::TimeoutStream;
use tower::Service as _;

use crate::app::App;
use crate::blocking::blocking;
use crate::caller::Caller;
use crate::config::ServerConfig;
use crate::guard::ConnectionGuard;
use crate::idle::Requests;
use crate::listen::{Address, Connection, Listener, Peer};
use crate::repo::Repo;
use crate::router::router;
use crate::slots::{AcceptSlot, RESERVED_TIMEOUT, Reserved, Slots};
use crate::trim::ConnectionCount;

/// Bytes of an answer that wait for the socket before more of it is read, and the longest head of a request. hyper's own
/// measure would cost a client half a MiB.
const BUFFER: usize = 64 << 10;
/// Requests at once on one connection of HTTP/2: each can cost as much as a connection of HTTP/1.
const STREAMS: u32 = 64;
/// Pause after a connection could not be accepted: there are no handles left, and some will be free soon.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How much of the store is closed to clients without a token.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClosedRepos {
    /// Repositories that are served to any client.
    pub all: usize,
    /// Those of them that are closed.
    pub models: usize,
    /// Those of the closed that are known to be private or gated. Of the others nothing is known, or users decide.
    pub restricted: usize,
    /// Those of the closed that are other sources by configuration (`[models]`).
    pub aliases: usize,
}

type Reload = Box<dyn Fn() -> Result<ServerConfig> + Send + Sync>;

/// A server that has its addresses.
pub struct Server {
    listeners: Vec<Listener>,
    shared: Arc<Shared>,
}

/// State shared by connections.
struct Shared {
    /// Replaced when the configuration is read again; requests under way keep the one they began with.
    current: RwLock<(Arc<App>, Router)>,
    reload: Option<Reload>,
    slots: Slots,
    open_connections: ConnectionCount,
    #[cfg(feature = "tls")]
    tls: Option<Arc<crate::tls::Tls>>,
}

impl Server {
    /// Takes the addresses.
    ///
    /// # Errors
    /// An unavailable address, a configuration that would leave the store open to all, or that makes no
    /// sense.
    pub async fn bind(cache: Cache, config: ServerConfig) -> Result<Self> {
        crate::listen::raise_handles();
        let listeners = Listener::take(&config.listen).await?;
        let tcp: Vec<_> = listeners
            .iter()
            .filter_map(|listener| match listener.address() {
                Ok(Address::Tcp(address)) => Some(address),
                _ => None,
            })
            .collect();
        config.check_exposure(&tcp)?;
        #[cfg(feature = "tls")]
        let tls = config.tls.as_ref().map(crate::tls::Tls::load).transpose()?;
        let slots = Slots::new(config.connections);
        let app = App::new(cache, config)?;
        let current = RwLock::new((Arc::clone(&app), router(&app)));
        let shared = Shared {
            current,
            reload: None,
            slots,
            open_connections: ConnectionCount::default(),
            #[cfg(feature = "tls")]
            tls,
        };
        Ok(Self { listeners, shared: Arc::new(shared) })
    }

    /// Reads the configuration with `read` on reload. Addresses, the paths of TLS files and the number of
    /// connections stay; TLS files are read again by themselves when they change.
    #[must_use]
    pub fn reloading(mut self, read: impl Fn() -> Result<ServerConfig> + Send + Sync + 'static) -> Self {
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            shared.reload = Some(Box::new(read));
        }
        self
    }

    /// Addresses of the server.
    ///
    /// # Errors
    /// When the system cannot report it.
    pub fn addresses(&self) -> Result<Vec<Address>> {
        self.listeners.iter().map(Listener::address).collect()
    }

    /// What clients without a token may not read, as far as that is decided without asking upstream.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn closed(&self) -> Result<ClosedRepos> {
        let app = self.shared.app();
        let cache = app.cache.clone();
        let stored = blocking(move || cache.store().models()).await?;
        let stored = stored.into_iter().filter_map(|model| Repo::of(&model));
        let aliases = app
            .config
            .models
            .keys()
            .filter_map(|name| Repo::of(&format!("hf://{name}").parse::<ModelRef>().ok()?.model));
        let repos: BTreeSet<Repo> = stored.chain(aliases).collect();
        let mut closed = ClosedRepos { all: repos.len(), ..ClosedRepos::default() };
        let repos: Vec<&Repo> = repos.iter().collect();
        let may_list = app.access.may_list_each(&Caller::default(), &repos).await;
        let shut = repos.into_iter().zip(may_list).filter(|(_, shown)| !shown);
        let shut: Vec<Repo> = shut.map(|(repo, _)| repo.clone()).collect();
        closed.models = shut.len();
        closed.aliases = shut.iter().filter(|repo| app.catalog.is_alias(repo)).count();
        let restricted = move || {
            let is_restricted = |repo: &&Repo| app.cache.visibility(&repo.model()).is_restricted();
            Ok(shut.iter().filter(is_restricted).count())
        };
        closed.restricted = blocking(restricted).await?;
        Ok(closed)
    }

    /// Serves until `stop` resolves, then lets requests under way end, for as long as the configuration says.
    /// `reload` resolves whenever the configuration is to be read again.
    ///
    /// # Errors
    /// None of a single client's doing.
    pub async fn run<F: Future<Output = ()>>(self, stop: F, mut reload: impl AsyncFnMut()) -> Result<()> {
        let Self { listeners, shared } = self;
        let grace = shared.app().config.grace;
        let graceful = GracefulShutdown::new();
        // A supervisor that does not listen is none.
        let _ = sd_notify::notify(false, &[sd_notify::NotifyState::Ready]);
        {
            let mut stop = pin!(stop);
            let accepting = futures::future::join_all(listeners.iter().map(|one| accept(one, &shared, &graceful)));
            let mut accepting = pin!(accepting);
            let sampling = {
                let app = shared.app();
                app.page.sampling(&app.cache, &app.activity)
            };
            let mut sampling = pin!(sampling);
            loop {
                tokio::select! {
                    biased;
                    () = &mut stop => break,
                    () = reload() => shared.reload_now(),
                    () = shared.asked_to_reload() => shared.reload_now(),
                    () = &mut sampling => {}
                    _ = &mut accepting => break,
                }
            }
        }
        let _ = sd_notify::notify(false, &[sd_notify::NotifyState::Stopping]);
        shared.app().stop();
        drop(listeners);
        if tokio::time::timeout(grace, graceful.shutdown()).await.is_err() {
            tracing::info!("some requests did not end within {} s and are broken off", grace.as_secs());
        }
        Ok(())
    }
}

impl Shared {
    fn app(&self) -> Arc<App> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner).0)
    }

    fn router(&self) -> Router {
        self.current.read().unwrap_or_else(PoisonError::into_inner).1.clone()
    }

    async fn asked_to_reload(&self) {
        let app = self.app();
        app.reload.notified().await;
    }

    /// Reads the configuration again. One that is wrong changes nothing.
    fn reload_now(&self) {
        let Some(read) = &self.reload else { return };
        let app = self.app();
        match read().and_then(|config| app.with_config(config)) {
            Ok(app) => {
                let router = router(&app);
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = (app, router);
                tracing::info!("the configuration was read again");
            }
            Err(error) => tracing::error!(%error, "the configuration was not taken over; the old one stays"),
        }
    }
}

async fn accept(listener: &Listener, shared: &Arc<Shared>, graceful: &GracefulShutdown) {
    loop {
        let connection = match listener.accept().await {
            Ok(connection) => connection,
            Err(error) => {
                tracing::debug!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        match connection {
            // Not counted: those of the unix socket have no address.
            Connection::Unix(stream) => serve(stream, Peer::Unix, (None, None), shared, graceful.watcher()),
            Connection::Tcp(stream, address) => {
                // Before the handshake, which costs more than all that follows.
                let client = shared.app().guard.connection(address.ip());
                let slot = match client {
                    Some(_) => shared.slots.take(address.ip()),
                    None => shared.slots.reserved(address.ip()),
                };
                let Some(slot) = slot else { continue };
                let held = (Some(slot), client);
                #[cfg(feature = "tls")]
                if let Some(tls) = shared.tls.clone() {
                    let (shared, watcher) = (Arc::clone(shared), graceful.watcher());
                    tokio::spawn(async move {
                        let place = held.0.as_ref().and_then(AcceptSlot::as_reserved);
                        let shaking = async { tls.acceptor().await.accept(stream).await };
                        let handshake = tokio::time::timeout(idle_timeout(&shared.app(), place), shaking);
                        let accepted = tokio::select! {
                            accepted = handshake => accepted,
                            () = ended(place) => return,
                        };
                        if let Ok(Ok(stream)) = accepted {
                            serve(stream, Peer::Tcp(address), held, &shared, watcher);
                        }
                    });
                    continue;
                }
                serve(stream, Peer::Tcp(address), held, shared, graceful.watcher());
            }
        }
    }
}

/// How long a client may take to send a request, and its connection lie idle.
fn idle_timeout(app: &App, place: Option<&Reserved>) -> Duration {
    let usual = app.config.header_timeout;
    if place.is_some() { usual.min(RESERVED_TIMEOUT) } else { usual }
}

/// Waits until a connection has to make room for another.
async fn ended(place: Option<&Reserved>) {
    match place {
        Some(place) => place.ended().await,
        None => std::future::pending().await,
    }
}

/// A connection's places: among all, and among its client's.
type Held = (Option<AcceptSlot>, Option<ConnectionGuard>);

/// Serves one connection on a task of its own.
fn serve<S>(stream: S, peer: Peer, held: Held, shared: &Arc<Shared>, watcher: hyper_util::server::graceful::Watcher)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let app = shared.app();
    let (open, member) = (app.metrics.connection(), shared.open_connections.join());
    let shared = Arc::clone(shared);
    let requests = Requests::default();
    let counted = requests.clone();
    let reserved = held.0.as_ref().and_then(AcceptSlot::as_reserved).cloned();
    let place = reserved.clone();
    let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        if let Some(place) = &place {
            request.extensions_mut().insert(place.clone());
        }
        let multiplexed = request.version() == http::Version::HTTP_2;
        request.extensions_mut().insert(counted.begin(multiplexed));
        shared.router().call(request)
    });
    let (idle, unread) = (idle_timeout(&app, reserved.as_ref()), app.config.unread_timeout);
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(idle).max_buf_size(BUFFER);
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(idle).max_concurrent_streams(STREAMS);
    builder.http2().max_send_buf_size(BUFFER);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(app.config.write_timeout));
    let io = TokioIo::new(Box::pin(stream));
    tokio::spawn(async move {
        let connection = watcher.watch(builder.serve_connection(io, service).into_owned());
        tokio::select! {
            served = connection => if let Err(error) = served {
                tracing::trace!(error = %error, "a connection broke");
            },
            () = requests.unread_for(unread) => tracing::trace!("a client took nothing of its answers"),
            () = requests.none_for(idle) => tracing::trace!("a connection lay idle"),
            () = ended(reserved.as_ref()) => tracing::trace!("a connection made room for another"),
        }
        drop((held, open));
        drop(member);
    });
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("listeners", &self.listeners).finish_non_exhaustive()
    }
}
