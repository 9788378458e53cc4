//! [`Server`]: accepts connections, serves them, ends in order.

use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::Router;
use cache_lib::{Cache, Result};
use http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_io_timeout::TimeoutStream;
use tower::Service as _;

use crate::app::App;
use crate::config::ServerConfig;
use crate::guard::ConnectionGuard;
use crate::idle::Requests;
use crate::listen::{Address, Connection, Listener, Peer};
use crate::page;

/// How long a client may take nothing of what is sent to it.
const WRITE_TIMEOUT: Duration = Duration::from_secs(60);
/// Bytes of an answer that wait for the socket before more of it is read, and the longest head of a request. hyper's own
/// measure would cost a client half a MiB.
const BUFFER: usize = 64 << 10;
/// Requests at once on one connection of HTTP/2: each can cost as much as a connection of HTTP/1.
const STREAMS: u32 = 64;
/// Pause after a connection could not be accepted: there are no handles left, and some will be free soon.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

type Reload = Box<dyn Fn() -> Result<ServerConfig> + Send + Sync>;

/// A server that has its addresses.
pub struct Server {
    listeners: Vec<Listener>,
    shared: Arc<Shared>,
}

/// What connections share.
struct Shared {
    /// Replaced when the configuration is read again; requests under way keep the one they began with.
    current: RwLock<(Arc<App>, Router)>,
    reload: Option<Reload>,
    permits: Arc<Semaphore>,
    #[cfg(feature = "tls")]
    tls: Option<tokio_rustls::TlsAcceptor>,
}

impl Server {
    /// Takes the addresses.
    ///
    /// # Errors
    /// An address that cannot be had, a configuration that would leave the store open to everyone, or that makes no
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
        let tls = config.tls.as_ref().map(crate::tls::acceptor).transpose()?;
        let permits = Arc::new(Semaphore::new(config.connections));
        let app = App::new(cache, config)?;
        let current = RwLock::new((Arc::clone(&app), app.router()));
        let shared = Shared {
            current,
            reload: None,
            permits,
            #[cfg(feature = "tls")]
            tls,
        };
        Ok(Self { listeners, shared: Arc::new(shared) })
    }

    /// Reads the configuration by this when it is told to reload. Addresses, TLS and the number of connections stay.
    #[must_use]
    pub fn reloading(mut self, read: impl Fn() -> Result<ServerConfig> + Send + Sync + 'static) -> Self {
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            shared.reload = Some(Box::new(read));
        }
        self
    }

    /// Where it can be reached.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn addresses(&self) -> Result<Vec<Address>> {
        self.listeners.iter().map(Listener::address).collect()
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
            let mut sampling = pin!(page::sampling(&shared.app()));
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
                let router = app.router();
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = (app, router);
                tracing::info!("the configuration was read again");
            }
            Err(error) => tracing::error!(%error, "the configuration was not taken over; the old one stays"),
        }
    }
}

async fn accept(listener: &Listener, shared: &Arc<Shared>, graceful: &GracefulShutdown) {
    loop {
        // When all are taken, the next one waits in the system's queue. The admin does not.
        let permit = match listener {
            Listener::Tcp(_) => Some(Arc::clone(&shared.permits).acquire_owned().await),
            Listener::Unix(..) => None,
        };
        let Ok(permit) = permit.transpose() else { return };
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
            Connection::Unix(stream) => serve(stream, Peer::Unix, (permit, None), shared, graceful.watcher()),
            Connection::Tcp(stream, address) => {
                // Before the handshake, which costs more than all that follows.
                let Some(client) = shared.app().guard.connection(address.ip()) else { continue };
                let held = (permit, Some(client));
                #[cfg(feature = "tls")]
                if let Some(tls) = shared.tls.clone() {
                    let (shared, watcher) = (Arc::clone(shared), graceful.watcher());
                    tokio::spawn(async move {
                        let patience = shared.app().config.header_timeout;
                        if let Ok(Ok(stream)) = tokio::time::timeout(patience, tls.accept(stream)).await {
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

/// A connection's places: among all, and among its client's.
type Held = (Option<OwnedSemaphorePermit>, Option<ConnectionGuard>);

/// Serves one connection on a task of its own.
fn serve<S>(stream: S, peer: Peer, held: Held, shared: &Arc<Shared>, watcher: hyper_util::server::graceful::Watcher)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let app = shared.app();
    let open = app.metrics.connection();
    let shared = Arc::clone(shared);
    let requests = Requests::default();
    let counted = requests.clone();
    let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        request.extensions_mut().insert(counted.begin());
        shared.router().call(request)
    });
    let patience = app.config.header_timeout;
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(patience).max_buf_size(BUFFER);
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(patience).max_concurrent_streams(STREAMS);
    builder.http2().max_send_buf_size(BUFFER);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(WRITE_TIMEOUT));
    let io = TokioIo::new(Box::pin(stream));
    tokio::spawn(async move {
        let connection = watcher.watch(builder.serve_connection(io, service).into_owned());
        tokio::select! {
            served = connection => if let Err(error) = served {
                tracing::trace!(error = %error, "a connection broke");
            },
            () = requests.none_for(patience) => tracing::trace!("a connection lay idle"),
        }
        drop((held, open));
    });
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("listeners", &self.listeners).finish_non_exhaustive()
    }
}
