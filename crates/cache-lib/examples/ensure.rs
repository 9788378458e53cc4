//! One file at one place: fetched if it is not there or not right, resumed if it was begun, never half-written.
//!
//! `cargo run -p cache-lib --example ensure -- https://host/model.gguf SHA256 ./model.gguf`

use cache_lib::{Cache, EnsureOutcome, Error, ErrorKind};

#[tokio::main]
async fn main() -> cache_lib::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(url), Some(sha256), Some(target)) = (arguments.next(), arguments.next(), arguments.next()) else {
        return Err(Error::new(ErrorKind::Usage, "give a URL, a sha256 and a target path"));
    };
    let sha256 = sha256.parse().map_err(|error| Error::new(ErrorKind::Usage, format!("{sha256}: {error}")))?;

    let cache = Cache::builder().build()?;
    let ensured = cache.ensure(&url, Some(sha256), None, &target, 5).await?;

    #[expect(clippy::print_stdout, reason = "an example that prints its answer")]
    match ensured {
        EnsureOutcome::Downloaded => println!("{target}: downloaded"),
        EnsureOutcome::AlreadyPresent => println!("{target}: was there"),
    }
    Ok(())
}
