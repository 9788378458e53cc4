//! What `get` is told of compressed files.

use cache_lib::{Get, Sha256};
use clap::Args;

/// URLs that end in .gz, .zst, .xz or .bz2.
#[derive(Debug, Args)]
pub(crate) struct CompressedArgs {
    /// Store a .gz, .zst, .xz or .bz2 behind a URL as it is; otherwise it is decompressed on its way.
    #[arg(long)]
    keep_compressed: bool,
    /// The digest that the one wanted file must have as it is transferred, compressed; --sha256 is of the plain file.
    #[arg(long, value_name = "DIGEST", value_parser = super::sha256)]
    sha256_compressed: Option<Sha256>,
}

impl CompressedArgs {
    /// The wish with what was told.
    pub(crate) fn apply(&self, get: Get) -> Get {
        let get = get.keep_compressed(self.keep_compressed);
        match self.sha256_compressed {
            Some(digest) => get.sha256_compressed(digest),
            None => get,
        }
    }
}
