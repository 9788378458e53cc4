//! What is left of a hand-written download function: one file at one place, from the first URL that has it.
//!
//! Resuming, ranges side by side, retries, checking, locks between processes and the rename are the cache's. What the
//! program still says is where the file may come from, what it must be, where it goes, and when to stop.
//! `docs/migrate.md` shows the function that this replaces.
//!
//! `cargo run -p cache-lib --example migrate_downloader -- ./model.gguf 'https://host/model.gguf#sha256=…' https://…`

use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use cache_lib::{Cache, Candidate, EnsureReport, Error, ErrorKind, Event, Progress, Result, units};

/// Retries in a row without a byte of progress before the next URL is asked.
const RETRIES: u32 = 5;

/// Counts bytes, and says what a person should know.
#[derive(Default)]
pub(crate) struct Words {
    /// Bytes on the disk, those of an earlier run included.
    pub(crate) bytes: AtomicI64,
}

#[expect(clippy::print_stderr, reason = "an example that prints progress")]
impl Progress for Words {
    fn event(&self, event: &Event<'_>) {
        match event {
            Event::Started { path, size, resumed, source } => {
                self.bytes.fetch_add(i64::try_from(*resumed).unwrap_or(i64::MAX), Ordering::Relaxed);
                let size = size.map_or_else(|| "unknown size".to_owned(), |size| units::Size(size).to_string());
                eprintln!("{path} from {source}: {size}, {} were here", units::Size(*resumed));
            }
            Event::Advanced { bytes, .. } => {
                self.bytes.fetch_add(*bytes, Ordering::Relaxed);
            }
            Event::Waiting { path } => eprintln!("{path}: another process fetches it; this one follows"),
            Event::Retrying { host, attempt, wait, reason, .. } => {
                eprintln!("{host}: attempt {attempt} failed ({reason}), again in {wait:?}");
            }
            Event::Warning(text) => eprintln!("warning: {text}"),
            _ => {}
        }
    }
}

/// Ensures that `target` is the file, unless `stop` comes first.
///
/// To cancel is to drop the future, as `select!` does here. What has arrived stays in the store, and the next call goes
/// on from there.
pub(crate) async fn download(
    cache: &Cache,
    places: &[Candidate],
    target: &Path,
    progress: Arc<dyn Progress>,
    stop: impl Future<Output = ()>,
) -> Result<EnsureReport> {
    tokio::select! {
        biased;
        () = stop => Err(Error::new(ErrorKind::Interrupted, "interrupted; the next run goes on from here")),
        ensured = cache.ensure_any(places, target, RETRIES, progress) => ensured,
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(target), places) = (arguments.next(), arguments) else {
        return Err(Error::new(ErrorKind::Usage, "give a target path, and URLs, each with #sha256=DIGEST"));
    };
    let places: Vec<Candidate> = places.map(|place| place.parse()).collect::<Result<_>>()?;
    let cache = Cache::builder().build()?;
    let words = Arc::new(Words::default());
    let stop = async {
        // Without a handler for the signal nobody can stop it.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };

    let done = download(&cache, &places, Path::new(&target), Arc::clone(&words) as Arc<dyn Progress>, stop).await?;

    #[expect(clippy::print_stdout, reason = "an example that prints its answer")]
    {
        let bytes = u64::try_from(words.bytes.load(Ordering::Relaxed)).unwrap_or(0);
        println!("{target}: {:?} from {} ({})", done.outcome, places[done.candidate].reference, units::Size(bytes));
        for (at, error) in &done.skipped {
            println!("  not from {}: {error}", places[*at].reference);
        }
    }
    Ok(())
}
