//! Gets a model, or some of its files, and prints where they are.
//!
//! `cargo run -p cache-lib --example get -- org/name '*.safetensors'`

use cache_lib::Cache;

#[tokio::main]
async fn main() -> cache_lib::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let reference = arguments.next().unwrap_or_else(|| "sentence-transformers/all-MiniLM-L6-v2".to_owned());

    let cache = Cache::builder().build()?;
    let mut get = cache.get(&reference);
    for pattern in arguments {
        get = get.include(pattern);
    }
    // As long as `model` lives, no other process evicts these files.
    let model = get.await?;

    #[expect(clippy::print_stdout, reason = "an example that prints its answer")]
    {
        println!("{}", model.path().display());
        for file in model.files() {
            println!("  {} ({} bytes, {:?}, verified: {})", file.path, file.size, file.outcome, file.verified);
        }
    }
    Ok(())
}
