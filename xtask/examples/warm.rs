//! `warm REF COUNT`: asks the library for a model that is in the store, COUNT times, and prints the median in
//! nanoseconds. For `cargo xtask bench`.

#![expect(clippy::print_stdout, reason = "the answer goes to the benchmark")]

use std::time::{Duration, Instant};

use cache_lib::{Cache, ErrorKind};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let usage = || cache_lib::Error::new(ErrorKind::Usage, "warm REF COUNT");
    let mut arguments = std::env::args().skip(1);
    let reference = arguments.next().ok_or_else(usage)?;
    let count: usize = arguments.next().ok_or_else(usage)?.parse()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut times = Vec::with_capacity(count);
    let cache = Cache::builder().build()?;
    for _ in 0..count {
        let start = Instant::now();
        let model = runtime.block_on(async { cache.get(reference.as_str()).await })?;
        times.push(start.elapsed());
        drop(model);
    }
    times.sort_unstable();
    println!("{}", times.get(count / 2).copied().unwrap_or(Duration::ZERO).as_nanos());
    Ok(())
}
