//! Receives progress events, limits the bandwidth, and changes the limit while it runs.
//!
//! `cargo run -p cache-lib --example progress -- org/name`

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use cache_lib::{Cache, Event, Progress, units};

/// Counts bytes and says what happens.
#[derive(Default)]
struct Words {
    bytes: AtomicI64,
}

#[expect(clippy::print_stderr, reason = "an example that prints progress")]
impl Progress for Words {
    fn event(&self, event: &Event<'_>) {
        match event {
            Event::Resolved { version, files, bytes } => {
                eprintln!("{version}: {files} files, {}", units::Size(*bytes));
            }
            Event::Advanced { bytes, .. } => {
                self.bytes.fetch_add(*bytes, Ordering::Relaxed);
            }
            Event::Finished { path, size, verified, .. } => {
                eprintln!("{path}: {}, verified: {verified}", units::Size(*size));
            }
            Event::Retrying { host, attempt, wait, reason, .. } => {
                eprintln!("{host}: attempt {attempt} failed ({reason}), again in {wait:?}");
            }
            Event::Warning(text) => eprintln!("warning: {text}"),
            _ => {}
        }
    }
}

#[tokio::main]
async fn main() -> cache_lib::Result<()> {
    let reference = std::env::args().nth(1).unwrap_or_else(|| "sentence-transformers/all-MiniLM-L6-v2".to_owned());
    let cache = Cache::builder().limit_rate(units::parse_rate("10MB/s")?).build()?;

    let faster = cache.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(5)).await;
        faster.set_limit_rate(None);
    });

    let words = Arc::new(Words::default());
    let model = cache.get(&reference).progress(Arc::clone(&words) as Arc<dyn Progress>).await?;

    #[expect(clippy::print_stdout, reason = "an example that prints its answer")]
    {
        println!("{} ({} bytes moved)", model.path().display(), words.bytes.load(Ordering::Relaxed));
    }
    Ok(())
}
