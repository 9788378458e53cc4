//! Listening on loopback, on a thread of its own: a test that blocks its runtime, or has none, is served all the same.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener as StdListener};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use hyper::body::Incoming;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::connection::Connection;
use crate::serve::Reply;

/// A listening socket and its address.
pub(crate) fn bind(port: u16) -> io::Result<(StdListener, SocketAddr)> {
    let listener = StdListener::bind((Ipv4Addr::LOCALHOST, port))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// A thread with a runtime that ends, with everything on it, when this is dropped.
#[derive(Debug)]
pub(crate) struct Background {
    stop: watch::Sender<bool>,
}

impl Background {
    /// Runs what `work` makes until this is dropped.
    pub(crate) fn start<F>(name: &str, threads: usize, work: impl FnOnce() -> F + Send + 'static) -> io::Result<Self>
    where
        F: Future<Output = ()>,
    {
        let (stop, mut stopped) = watch::channel(false);
        let runtime = if threads > 1 {
            tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()?
        } else {
            tokio::runtime::Builder::new_current_thread().enable_all().build()?
        };
        std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = work() => {}
                    // An error means that the sender is gone, which is a reason to stop too.
                    _ = stopped.wait_for(|stop| *stop) => {}
                }
            });
            runtime.shutdown_background();
        })?;
        Ok(Self { stop })
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

/// Connections of one listener.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) opened: AtomicU64,
    pub(crate) open: AtomicU64,
    pub(crate) peak: AtomicU64,
}

/// Answers requests.
pub(crate) trait Serve: Send + Sync + 'static {
    /// Answers one; `None` closes the connection without a word.
    fn serve(
        &self,
        request: Request<Incoming>,
        connection: Connection,
    ) -> impl Future<Output = Option<Response<Reply>>> + Send;

    /// Where connections are counted.
    fn counts(&self) -> &Counts;
}

static CONNECTIONS: AtomicU64 = AtomicU64::new(0);

/// Accepts connections for ever.
pub(crate) async fn accept<S: Serve>(listener: StdListener, service: Arc<S>) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(converse(stream, Arc::clone(&service)));
            }
            // Out of file handles, most likely: others have to close first.
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
        }
    }
}

async fn converse<S: Serve>(stream: TcpStream, service: Arc<S>) {
    // Small replies must not wait for an acknowledgement; where that cannot be set they are merely slower.
    let _ = stream.set_nodelay(true);
    let counts = service.counts();
    counts.opened.fetch_add(1, Ordering::Relaxed);
    let open = counts.open.fetch_add(1, Ordering::Relaxed) + 1;
    counts.peak.fetch_max(open, Ordering::Relaxed);
    let connection =
        Connection { id: CONNECTIONS.fetch_add(1, Ordering::Relaxed) + 1, paid: Arc::new(Mutex::new(None)) };
    let answer = hyper::service::service_fn(|request| {
        let (service, connection) = (Arc::clone(&service), connection.clone());
        async move { service.serve(request, connection).await.ok_or(Hangup) }
    });
    // An error here is a client that went away, or one that was cut off on purpose.
    let _ = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(None)
        .serve_connection(TokioIo::new(stream), answer)
        .await;
    counts.open.fetch_sub(1, Ordering::Relaxed);
}

/// The connection is closed on purpose.
#[derive(Debug)]
struct Hangup;

impl std::fmt::Display for Hangup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("closed on purpose")
    }
}

impl std::error::Error for Hangup {}
