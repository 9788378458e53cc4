//! [`CompressedStream`]: the compressed bytes of one file, in order, hashed on the way and verified at their end.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cache_core::{
    Body, ByteRange, ByteStream, CompressedFile, DigestVerifier, Error, Hasher, OpenOptions, Opened, Result, Retry,
    RetryBudget, Source, Verdict, Version,
};
use futures::StreamExt as _;

use crate::{error, listing, local};

/// Continuations in a row without progress before the failure is handed up.
const CONTINUATIONS: u32 = 5;
/// Compressed bytes that count as progress, so that a server cannot hold a reader up with one byte each time.
const PROGRESS: u64 = 256 << 10;
/// The first wait; each further one is twice as long.
const BASE: Duration = Duration::from_millis(200);

/// The compressed bytes of one file.
///
/// A body that breaks off is continued here, although retrying bodies is the engine's work: the engine can only begin
/// the plain bytes anew, since they have no ranges, and would never finish a large file over a link that breaks once
/// an hour. A continuation asks for no byte twice and feeds the same decoder. It is bounded by progress; without any,
/// the failure goes up, and the engine's budget decides.
pub(crate) struct CompressedStream {
    inner: Arc<dyn Source>,
    version: Version,
    compressed: CompressedFile,
    /// Whether a digest will tell if these are the right bytes.
    verifiable: bool,
    host: String,
    tag: Option<String>,
    ranges: bool,
    /// Length of the compressed bytes, if known.
    promised: Option<u64>,
    stream: Option<ByteStream>,
    /// Compressed bytes received.
    position: u64,
    /// Bytes that the body repeats.
    skip: u64,
    hasher: Option<Hasher>,
    failures: u32,
    /// Position of the last failure that counts.
    failed_at: u64,
    ended: bool,
}

impl CompressedStream {
    /// Opens the compressed file at the offset `from`: only from its beginning is it judged by its digest. Failures before
    /// the first byte draw on the budget of `options`.
    pub(crate) async fn open(
        inner: Arc<dyn Source>,
        version: Version,
        compressed: CompressedFile,
        verifiable: bool,
        from: u64,
        options: OpenOptions,
    ) -> Result<Self> {
        let mut stream = Self {
            inner,
            version,
            verifiable,
            host: String::new(),
            tag: compressed.etag.clone(),
            ranges: false,
            promised: compressed.size,
            stream: None,
            position: from,
            skip: 0,
            hasher: None,
            failures: 0,
            failed_at: from,
            ended: false,
            compressed,
        };
        let rest = stream.promised.filter(|_| from > 0).map(|end| ByteRange { start: from, end });
        let part = rest.map_or_else(OpenOptions::whole, |rest| OpenOptions::range(rest).if_range(stream.tag.clone()));
        let body = stream.ask(part.budget(options.budget).fresh(options.fresh)).await?;
        stream.accept(body)?;
        let size = stream.promised.unwrap_or_default();
        // Hashing costs as much as unpacking does; without a digest it would be for nothing.
        stream.hasher = (from == 0 && !stream.compressed.digests.is_empty())
            .then(|| DigestVerifier::hasher(&listing::compressed_entry(&stream.compressed), size));
        Ok(stream)
    }

    /// The strong tag of the compressed bytes.
    pub(crate) fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The host that sends the bytes, for people.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// The compressed file.
    pub(crate) fn compressed(&self) -> &CompressedFile {
        &self.compressed
    }

    /// The next compressed bytes; `None` once all have come and been judged.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>> {
        while !self.ended {
            let Some(stream) = &mut self.stream else {
                self.reopen().await?;
                continue;
            };
            match stream.next().await {
                Some(Ok(bytes)) => {
                    if let Some(bytes) = self.take(bytes)? {
                        return Ok(Some(bytes));
                    }
                }
                Some(Err(error)) => self.broke(error).await?,
                None => match self.promised.filter(|&promised| self.position < promised) {
                    Some(promised) => self.broke(error::cut(&self.compressed, self.position, promised)).await?,
                    None => self.end()?,
                },
            }
        }
        Ok(None)
    }

    async fn ask(&mut self, options: OpenOptions) -> Result<Body> {
        let file = listing::compressed_entry(&self.compressed);
        match self.inner.open(&self.version, &file, options).await? {
            Opened::Stream(body) => Ok(body),
            Opened::File(path) => local::body(path).await,
        }
    }

    fn accept(&mut self, body: Body) -> Result<()> {
        // Some farms give each of their machines its own tags: where there is a digest, it decides. A first body may
        // have another tag than the listing, because all of the file comes from it.
        let same = self.tag.is_some() && self.tag == body.etag;
        if self.position > 0 && !same && !self.verifiable {
            return Err(error::changed(&self.compressed).with_host(body.host));
        }
        if let (Some(promised), Some(stated)) = (self.promised, body.size)
            && promised != stated
        {
            let reason = format!("expected {promised} bytes, and the host has {stated}");
            return Err(error::rejected(&self.compressed, &reason).with_host(body.host).with_retry(Retry::Backoff));
        }
        let Some(skip) = self.position.checked_sub(body.start) else {
            return Err(error::cut(&self.compressed, self.position, body.start).with_host(body.host));
        };
        self.skip = skip;
        self.promised = self.promised.or(body.size);
        // Of a first body without a tag, the listing's says nothing.
        self.tag = if self.verifiable { body.etag.or(self.tag.take()) } else { body.etag };
        self.ranges = body.ranges;
        self.host = body.host;
        self.stream = Some(body.stream);
        Ok(())
    }

    /// Goes on where the last body broke off.
    async fn reopen(&mut self) -> Result<()> {
        let range = self.promised.filter(|_| self.ranges).map(|end| ByteRange { start: self.position, end });
        let options = range.map_or_else(OpenOptions::whole, OpenOptions::range);
        let options = options.if_range(self.tag.clone()).budget(RetryBudget::none()).fresh(true);
        let opened = match self.ask(options).await {
            Ok(body) => self.accept(body),
            Err(error) => Err(error),
        };
        match opened {
            Ok(()) => Ok(()),
            Err(error) => self.broke(error).await,
        }
    }

    /// Waits before the next continuation, if there may be one.
    async fn broke(&mut self, error: Error) -> Result<()> {
        self.stream = None;
        if self.promised == Some(self.position) {
            return self.end();
        }
        if self.position - self.failed_at >= PROGRESS {
            self.failures = 0;
        }
        // Without a digest only a strong tag shows that the rest belongs to what is unpacked already.
        let continuable = self.verifiable || self.tag.is_some() || self.position == 0;
        if !error.is_retryable() || !continuable || self.failures == CONTINUATIONS {
            return Err(error);
        }
        self.failed_at = self.position;
        let wait = BASE * 2_u32.saturating_pow(self.failures);
        self.failures += 1;
        tracing::debug!(file = %self.compressed.path, at = self.position, ?wait, %error, "going on with a compressed body");
        tokio::time::sleep(wait).await;
        Ok(())
    }

    fn take(&mut self, mut bytes: Bytes) -> Result<Option<Bytes>> {
        let repeated = bytes.len().min(usize::try_from(self.skip).unwrap_or(usize::MAX));
        self.skip -= repeated as u64;
        let bytes = bytes.split_off(repeated);
        self.position += bytes.len() as u64;
        if let Some(promised) = self.promised.filter(|&promised| self.position > promised) {
            let reason = format!("expected {promised} bytes, and there are more");
            return Err(error::rejected(&self.compressed, &reason).with_host(&self.host));
        }
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&bytes);
        }
        Ok((!bytes.is_empty()).then_some(bytes))
    }

    fn end(&mut self) -> Result<()> {
        self.ended = true;
        self.stream = None;
        let Some(hasher) = self.hasher.take() else { return Ok(()) };
        let reason = match DigestVerifier::judge(&listing::compressed_entry(&self.compressed), &hasher.finish()) {
            Verdict::Verified => return Ok(()),
            Verdict::Rejected { reason } => reason,
            // Whoever reads the entry takes a digest of the compressed bytes for one that was checked.
            _ => "their digest is of a kind that cannot be checked".to_owned(),
        };
        Err(error::rejected(&self.compressed, &reason).with_host(&self.host))
    }
}
