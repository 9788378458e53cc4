//! [`Head`]: index and signature, the beginning of a bundle.

use cache_core::{Hasher, Result};

use crate::entry::{self, Entry};
use crate::error::broken;
use crate::index::{Contents, Index, MAX_INDEX};
use crate::input::{Input, Stream};
use crate::sign::{MAX_SIGNATURE, Signature, VerifyingKey};

/// What a bundle holds, from its index alone; with a key, only if that key has signed it. Blocks.
///
/// # Errors
/// [`ErrorKind::Integrity`](cache_core::ErrorKind::Integrity) when it is no bundle, or not signed by this key.
pub fn list(input: Input, key: Option<&VerifyingKey>) -> Result<Contents> {
    let (_, head) = open(input, key)?;
    Ok(head.contents)
}

/// The beginning of a bundle, up to the header of what follows.
pub(crate) struct Head {
    pub(crate) contents: Contents,
    pub(crate) next: Option<Entry>,
}

/// Reads index and signature, and checks the signature if a key is given.
pub(crate) fn open(input: Input, key: Option<&VerifyingKey>) -> Result<(Stream, Head)> {
    let mut stream = Stream::open(input)?;
    let first = Entry::read(&mut stream)?.filter(|first| first.name == entry::INDEX);
    let first = first.ok_or_else(|| broken("not a bundle: it does not begin with bundle.json"))?;
    let bytes = first.read_whole(&mut stream, MAX_INDEX)?;
    let mut hasher = Hasher::new();
    hasher.update(&bytes);
    let id = hasher.finish().sha256;
    let sum = Index::sum(&id);
    let second = Entry::new(entry::SUM, sum.len() as u64);
    second.clone().expect(Entry::read(&mut stream)?)?;
    if second.read_whole(&mut stream, second.size)? != sum.as_bytes() {
        return Err(broken("the bundle's index is corrupted: checksum mismatch"));
    }
    let mut next = Entry::read(&mut stream)?;
    let mut signature = None;
    if let Some(found) = next.take_if(|next| next.name == entry::SIGNATURE) {
        signature = Some(Signature::parse(&found.read_whole(&mut stream, MAX_SIGNATURE)?)?);
        next = Entry::read(&mut stream)?;
    }
    // Before the index is believed in anything.
    if let Some(key) = key {
        key.check(&bytes, signature.as_ref())?;
    }
    let index = Index::parse(&bytes)?;
    let (signed_by, compressed) = (signature.map(|signature| signature.key), stream.compressed);
    let contents = Contents { id, index, signed_by, verified: key.is_some(), compressed };
    Ok((stream, Head { contents, next }))
}
