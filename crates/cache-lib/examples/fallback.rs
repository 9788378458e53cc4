//! A quantization that may be another one: the next smaller, or the largest that this machine has memory for.
//!
//! `cargo run -p cache-lib --example fallback -- org/name-GGUF:Q4_K_M smaller,fits-memory:8GB`

use cache_lib::{Cache, Fallback, Result, Snapshot};

/// Gets the wanted quantization, or what the fallback says. [`Snapshot::fallback_report`] tells which, and why.
pub(crate) async fn quantization(cache: &Cache, reference: &str, fallback: &str) -> Result<Snapshot> {
    let fallback: Fallback = fallback.parse()?;
    cache.get(reference).fallback(fallback).await
}

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let reference = arguments.next().unwrap_or_else(|| "ggml-org/models:Q4_K_M".to_owned());
    let fallback = arguments.next().unwrap_or_else(|| "smaller".to_owned());
    let cache = Cache::builder().build()?;
    let model = quantization(&cache, &reference, &fallback).await?;

    #[expect(clippy::print_stdout, reason = "an example that prints its answer")]
    {
        println!("{}", model.path().display());
        if let Some(choice) = model.fallback_report() {
            println!("{choice}");
        }
    }
    Ok(())
}
