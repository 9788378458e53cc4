//! Carries a folder's files from one store into another by way of a bundle, signed and checked.
//!
//! `cargo run -p cache-bundle --example bundle -- FOLDER WORK`: the stores and the bundle go to the folder `WORK`.

#![expect(clippy::print_stdout, reason = "an example that prints its answer")]

use std::path::PathBuf;
use std::time::Instant;

use cache_bundle::{Input, Output, SigningKey};
use cache_lib::{Cache, Error, ErrorKind, ModelId, ModelRef, Result};

#[tokio::main]
async fn main() -> Result<()> {
    let usage = || Error::new(ErrorKind::Usage, "bundle FOLDER WORK");
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let folder = std::path::absolute(arguments.next().ok_or_else(usage)?)
        .map_err(|error| Error::storage("find the folder", error))?;
    let work = arguments.next().ok_or_else(usage)?;
    let model = ModelRef::of(ModelId::Folder(folder));
    let here = Cache::builder().root(work.join("here")).build()?;
    let there = Cache::builder().root(work.join("there")).offline(true).build()?;
    let got = here.get(&model).await?;
    println!("{}: {} bytes", got.version(), got.size());

    let key = SigningKey::generate()?;
    let public = key.verifying_key();
    let tar = work.join("models.tar");
    let begun = Instant::now();
    let exported = cache_bundle::export(&here, [&model]).sign(key).write_to(Output::file(&tar)).await?;
    println!("{}: {} bytes in {:.2} s", tar.display(), exported.written, begun.elapsed().as_secs_f64());

    let begun = Instant::now();
    let imported = cache_bundle::import(&there, Input::file(&tar)).verify(public).await?;
    println!("{} blobs taken in {:.2} s", imported.taken, begun.elapsed().as_secs_f64());
    for snapshot in &imported.snapshots {
        println!("{}", snapshot.folder().display());
    }
    Ok(())
}
