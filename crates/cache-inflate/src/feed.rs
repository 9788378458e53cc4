//! [`Feed`]: the compressed bytes of one file, in order, hashed on the way and judged at their end.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cache_core::{
    Body, ByteRange, ByteStream, DigestVerifier, Error, Hasher, OpenOptions, Opened, Packed, Result, RetryBudget,
    Source, Verdict, Version,
};
use futures::StreamExt as _;

use crate::{listing, local, trouble};

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
pub(crate) struct Feed {
    inner: Arc<dyn Source>,
    version: Version,
    packed: Packed,
    /// Whether a digest will tell if these are the right bytes.
    verifiable: bool,
    host: String,
    tag: Option<String>,
    ranges: bool,
    /// Where the compressed bytes end, if anybody said.
    promised: Option<u64>,
    stream: Option<ByteStream>,
    /// Compressed bytes received.
    position: u64,
    /// Bytes that the body repeats.
    skip: u64,
    hasher: Option<Hasher>,
    failures: u32,
    /// Where the last failure that counts was.
    failed_at: u64,
    ended: bool,
}

impl Feed {
    /// Opens the compressed file. Failures before the first byte draw on `budget`.
    pub(crate) async fn open(
        inner: Arc<dyn Source>,
        version: Version,
        packed: Packed,
        verifiable: bool,
        budget: RetryBudget,
    ) -> Result<Self> {
        let mut feed = Self {
            inner,
            version,
            verifiable,
            host: String::new(),
            tag: packed.etag.clone(),
            ranges: false,
            promised: packed.size,
            stream: None,
            position: 0,
            skip: 0,
            hasher: None,
            failures: 0,
            failed_at: 0,
            ended: false,
            packed,
        };
        let body = feed.ask(OpenOptions::whole().budget(budget)).await?;
        feed.accept(body)?;
        let size = feed.promised.unwrap_or_default();
        // Hashing costs as much as unpacking does; without a digest it would be for nothing.
        feed.hasher =
            (!feed.packed.digests.is_empty()).then(|| DigestVerifier::hasher(&listing::compressed(&feed.packed), size));
        Ok(feed)
    }

    /// The host that sends the bytes, for people.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// What is fetched.
    pub(crate) fn packed(&self) -> &Packed {
        &self.packed
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
                    Some(promised) => self.broke(trouble::cut(&self.packed, self.position, promised)).await?,
                    None => self.end()?,
                },
            }
        }
        Ok(None)
    }

    async fn ask(&mut self, options: OpenOptions) -> Result<Body> {
        let file = listing::compressed(&self.packed);
        match self.inner.open(&self.version, &file, options).await? {
            Opened::Stream(body) => Ok(body),
            Opened::File(path) => local::body(path).await,
        }
    }

    fn accept(&mut self, body: Body) -> Result<()> {
        let another = matches!((&self.tag, &body.etag), (Some(ours), Some(theirs)) if ours != theirs);
        // Some farms give each of their machines its own tags: where there is a digest, it decides.
        if another && !self.verifiable {
            return Err(trouble::changed(&self.packed).with_host(body.host));
        }
        if let (Some(promised), Some(stated)) = (self.promised, body.size)
            && promised != stated
        {
            let reason = format!("expected {promised} bytes, and the host has {stated}");
            return Err(trouble::rejected(&self.packed, &reason).with_host(body.host));
        }
        let Some(skip) = self.position.checked_sub(body.start) else {
            return Err(trouble::cut(&self.packed, self.position, body.start).with_host(body.host));
        };
        self.skip = skip;
        self.promised = self.promised.or(body.size);
        self.tag = body.etag.or(self.tag.take());
        self.ranges = body.ranges;
        self.host = body.host;
        self.stream = Some(body.stream);
        Ok(())
    }

    /// Goes on where the last body broke off.
    async fn reopen(&mut self) -> Result<()> {
        let range = self.promised.filter(|_| self.ranges).map(|end| ByteRange { start: self.position, end });
        let options = range.map_or_else(OpenOptions::whole, OpenOptions::range);
        match self.ask(options.if_range(self.tag.clone()).budget(RetryBudget::none())).await {
            Ok(body) => self.accept(body),
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
        if !error.is_retryable() || self.failures == CONTINUATIONS {
            return Err(error);
        }
        self.failed_at = self.position;
        let wait = BASE * 2_u32.saturating_pow(self.failures);
        self.failures += 1;
        tracing::debug!(file = %self.packed.path, at = self.position, ?wait, %error, "going on with a compressed body");
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
            return Err(trouble::rejected(&self.packed, &reason).with_host(&self.host));
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
        let reason = match DigestVerifier::judge(&listing::compressed(&self.packed), &hasher.finish()) {
            Verdict::Verified => return Ok(()),
            Verdict::Rejected { reason } => reason,
            // Whoever reads the entry takes a digest of the compressed bytes for one that was checked.
            _ => "their digest is of a kind that cannot be checked".to_owned(),
        };
        Err(trouble::rejected(&self.packed, &reason).with_host(&self.host))
    }
}
