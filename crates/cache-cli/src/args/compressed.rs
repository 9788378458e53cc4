//! Arguments of `get` about compressed files.

use cache_lib::{Get, Sha256};
use clap::Args;

/// URLs that end in .gz, .zst, .xz or .bz2.
#[derive(Debug, Args)]
pub(crate) struct CompressedArgs {
    /// Store .gz, .zst, .xz and .bz2 files of a URL as they are, without decompressing.
    #[arg(long)]
    keep_compressed: bool,
    /// Expected SHA-256 of the compressed file; --sha256 is of the decompressed one.
    #[arg(long, value_name = "DIGEST", value_parser = super::values::sha256)]
    sha256_compressed: Option<Sha256>,
}

impl CompressedArgs {
    /// Sets these options on a request.
    pub(crate) fn apply(&self, get: Get) -> Get {
        let get = get.keep_compressed(self.keep_compressed);
        match self.sha256_compressed {
            Some(digest) => get.sha256_compressed(digest),
            None => get,
        }
    }
}
