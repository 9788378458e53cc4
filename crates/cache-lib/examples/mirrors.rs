//! A folder, a web server or another Hub that has the files of some models, too. Bytes come from there, digests never.
//!
//! `cargo run -p cache-lib --example mirrors -- org/name '/mnt/models/{model}' 'https://mirror.example'`

use cache_lib::{Cache, CacheBuilder, Mirror, Result, Snapshot};

/// Mirrors that are asked before the Hub, for all models.
///
/// One of a higher preference than 0 is used in place of the Hub's own servers; what it does not have, or has wrong, is
/// fetched from the Hub.
pub(crate) fn with_mirrors(builder: CacheBuilder, addresses: &[String]) -> Result<CacheBuilder> {
    addresses.iter().try_fold(builder, |builder, address| Ok(builder.mirror(Mirror::new(address)?.preference(1))))
}

/// Where each file came from: its path, and the host or folder.
pub(crate) fn origins(snapshot: &Snapshot) -> Vec<(String, String)> {
    let origin = |file: &cache_lib::FetchedFile| Some((file.path.to_string(), file.source.clone()?));
    snapshot.files().iter().filter_map(origin).collect()
}

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let reference = arguments.next().unwrap_or_else(|| "sentence-transformers/all-MiniLM-L6-v2".to_owned());
    let mirrors: Vec<String> = arguments.collect();
    let cache = with_mirrors(Cache::builder(), &mirrors)?.build()?;
    let model = cache.get(&reference).await?;

    #[expect(clippy::print_stdout, reason = "an example that prints its answer")]
    for (path, source) in origins(&model) {
        println!("{path} from {source}");
    }
    Ok(())
}
