//! Fetching one file or many: the store first, then the sources.

use std::sync::Arc;

use cache_core::{Error, ErrorKind, Event, FileEntry, Outcome, Result, Verdict};
use cache_store::{PartialKey, Store};
use futures::StreamExt as _;
use tracing::Instrument as _;

use crate::attempt::{self, TransferOutcome};
use crate::engine::Engine;
use crate::flight::{self, FlightOutcome};
use crate::job::{FetchJob, Fetched, FileSpec, SourceEntry, is_checked, is_single_request, is_small, no_source};
use crate::lane::Lane;
use crate::leadership::Leadership;
use crate::look_ahead::{LookAhead, SMALL_FILES};
use crate::progress_guard::guard_progress;
use crate::reporter::Reporter;
use crate::wrong_bytes::is_wrong_bytes;
use crate::{open_files, outcome, small};

/// Errors and warnings of the sources tried so far.
#[derive(Default)]
struct Failures {
    /// The authority's error, else the first one.
    error: Option<Error>,
    /// Warnings for the user.
    warnings: Vec<String>,
}

impl Engine {
    /// Fetches one file, or finds it in the store. Dropping the future cancels and keeps what has arrived.
    ///
    /// # Errors
    /// [`ErrorKind::Integrity`] when the bytes are wrong, [`ErrorKind::NoSpace`], [`ErrorKind::Network`] and others as
    /// the sources and the store report them; a waiter gets its leader's error about wrong bytes. [`ErrorKind::Usage`]
    /// when the job's progress panics.
    pub async fn fetch(&self, job: FetchJob) -> Result<Fetched> {
        guard_progress(Arc::clone(&job.progress), |progress| async move {
            let job = FetchJob { progress, ..job };
            let result = open_files::retrying(|| self.find_or_fetch(&job)).await;
            report_end(&job, &result);
            result
        })
        .await
    }

    /// Fetches many files side by side. The results are in the order of the jobs; a failure stops no other job.
    pub async fn fetch_all(&self, jobs: Vec<FetchJob>) -> Vec<Result<Fetched>> {
        self.fetch_each(jobs, |_, result| std::future::ready(result)).await
    }

    /// Fetches many files side by side, and hands each result, with its job's place in the list, to `then` as soon as
    /// it is there. Returns what `then` returned, in the order of the jobs.
    pub async fn fetch_each<T, F>(&self, jobs: Vec<FetchJob>, then: impl Fn(usize, Result<Fetched>) -> F) -> Vec<T>
    where
        F: Future<Output = T>,
    {
        let (count, then) = (jobs.len(), &then);
        let running = LookAhead::new(&self.store, jobs)
            .enumerate()
            .map(|(at, job)| async move { (at, then(at, self.fetch(job).await).await) });
        let side_by_side = SMALL_FILES.max(self.config.files).min(open_files::at_once(self.config.open_files));
        let mut results: Vec<(usize, T)> =
            futures::stream::iter(running).buffer_unordered(side_by_side).collect().await;
        results.sort_by_key(|(at, _)| *at);
        debug_assert_eq!(results.len(), count);
        results.into_iter().map(|(_, result)| result).collect()
    }

    async fn find_or_fetch(&self, job: &FetchJob) -> Result<Fetched> {
        let file = &job.file;
        let key = Store::partial_key(&job.version, file);
        // One task of this process after the other: the second finds the file without asking for the right.
        let mut queue = if is_single_request(file) { Some(self.queues.enter(&key).await) } else { None };
        let lead = flight::lead(self, &key, job, self.refusal(file)).await?;
        let (leader, fail_fast) = match lead {
            FlightOutcome::Hit(blob) if queue.as_ref().is_none_or(|(_, waited)| !waited) => {
                return Ok(Fetched::new(blob, Outcome::Hit, file.is_verifiable(), None));
            }
            FlightOutcome::Hit(blob) | FlightOutcome::Shared(blob) => return Ok(outcome::shared(blob, file)),
            FlightOutcome::Leader { leader, fail_fast } => (leader, fail_fast),
        };
        // What has just failed elsewhere is tried once, so that a line of waiters does not fail one by one.
        let fail_fast = fail_fast || queue.as_ref().is_some_and(|(last, waited)| *waited && last.unreachable);
        let engine = if fail_fast { self.with_retries(self.config.retries.min(1)) } else { self.clone() };
        let span = span_of(job);
        // Dropped before the leader, also when this is cancelled: the next one may write the file.
        let session = self.live_files.of(&key).session();
        let result = tokio::select! {
            biased;
            result = engine.try_sources(job, &key, &leader).instrument(span.clone()) => {
                if result.is_ok() {
                    session.keep();
                } else {
                    drop(session);
                }
                result
            }
            blob = self.keep_leading(&leader, file) => {
                session.abandon();
                Ok(outcome::shared(blob, file))
            }
        };
        if let Err(error) = &result {
            span.record("otel.status_code", "ERROR").record("error.type", error.kind().as_str());
        }
        if let Some((last, _)) = &mut queue {
            last.unreachable = result.as_ref().is_err_and(|error| error.kind() == ErrorKind::Network);
        }
        if !leader.has_ended() {
            let (file, outcome) =
                (file.clone(), result.as_ref().map(|fetched| fetched.blob.clone()).map_err(Clone::clone));
            let ended = self.blocking(move |store| {
                match &outcome {
                    Ok(blob) => leader.done(store, &file, blob),
                    Err(error) => leader.fail(error),
                }
                Ok(())
            });
            ended.await?;
        }
        result
    }

    /// The error of a file that must not be fetched, if any.
    fn refusal(&self, file: &FileEntry) -> Option<Error> {
        if self.config.require_digest && !file.is_verifiable() {
            let error =
                Error::new(ErrorKind::Integrity, format!("{}: no checksum known, and one is required", file.path));
            return Some(
                error
                    .with_hint("give the expected digest, or put a .sha256 file beside it")
                    .with_reason(cache_core::Reason::NoDigest),
            );
        }
        let reason = self.store.read_only()?;
        let error = Error::new(
            ErrorKind::Storage,
            format!("{} is not in the store, and the store cannot be written: {reason}", file.path),
        );
        let hint = "choose a writable store with MODEL_CACHE_DIR";
        Some(error.with_hint(hint).with_reason(cache_core::Reason::StoreUnusable))
    }

    /// Fetches large files with a digest from all sources at once, others from one after the other.
    async fn try_sources(&self, job: &FetchJob, key: &PartialKey, leader: &Arc<Leadership>) -> Result<Fetched> {
        let mut sources = self.in_order(job);
        let mut failures = Failures::default();
        if is_multi_source_eligible(&job.file) && sources.len() > 1 {
            // What lies on this machine is cloned rather than fetched.
            let (local, remote) = sources.into_iter().partition(|(_, entry)| entry.source.is_local());
            match self.try_in_turn(job, key, leader, local, &mut failures).await? {
                Some(fetched) => return Ok(fetched),
                None => sources = remote,
            }
            if sources.len() > 1 {
                let mut fetched = Box::pin(self.fetch_multi_source(job, key, leader, &sources)).await?;
                failures.warnings.append(&mut fetched.warnings);
                return Ok(Fetched { warnings: failures.warnings, ..fetched });
            }
        }
        match self.try_in_turn(job, key, leader, sources, &mut failures).await? {
            Some(fetched) => Ok(Fetched { warnings: failures.warnings, ..fetched }),
            None => Err(failures.error.unwrap_or_else(|| no_source(&job.file))),
        }
    }

    /// The sources to try, each with whether it is the authority: preferred first, unreachable last, untrusted none.
    /// Without a digest only the authority counts.
    pub(crate) fn in_order(&self, job: &FetchJob) -> Vec<(bool, SourceEntry)> {
        let checked = is_checked(&job.file);
        let sources = job.sources.iter().enumerate().map(|(rank, entry)| (rank == 0, entry.clone()));
        let mut sources: Vec<(bool, SourceEntry)> = sources
            .filter(|(authority, entry)| *authority || (checked && !self.health.is_untrusted(&entry.name)))
            .collect();
        sources.sort_by_key(|(_, entry)| (self.health.is_down(&entry.name), std::cmp::Reverse(entry.preference)));
        sources
    }

    /// Tries sources in turn: the next one after a network error or wrong bytes, none after a final error.
    /// `None` when all have failed.
    async fn try_in_turn(
        &self,
        job: &FetchJob,
        key: &PartialKey,
        leader: &Arc<Leadership>,
        sources: Vec<(bool, SourceEntry)>,
        failures: &mut Failures,
    ) -> Result<Option<Fetched>> {
        let mut left = sources.len();
        for (authority, entry) in sources {
            left -= 1;
            // While there are others to ask, nobody is waited for long.
            let patience = if left > 0 { self.with_retries(self.config.retries.min(1)) } else { self.clone() };
            let error = match patience.fetch_from(job, key, leader, authority, &entry).await {
                Ok(fetched) => return Ok(Some(fetched)),
                Err(error) => error,
            };
            let error = self.judge_failure(job, authority, &entry, error, &mut failures.warnings)?;
            if authority || failures.error.is_none() {
                failures.error = Some(error);
            }
        }
        Ok(None)
    }

    /// Records why a source failed. Returns the error if the next source may be tried.
    ///
    /// # Errors
    /// The error, if it is final: the authority's "no", or trouble on this machine.
    pub(crate) fn judge_failure(
        &self,
        job: &FetchJob,
        authority: bool,
        entry: &SourceEntry,
        error: Error,
        warnings: &mut Vec<String>,
    ) -> Result<Error> {
        match error.kind() {
            ErrorKind::Network => self.health.failed(&entry.name),
            ErrorKind::Integrity if authority => {}
            // Its storage refuses what it has granted.
            ErrorKind::Unauthorized if error.is_unreachable() => {}
            ErrorKind::Integrity if is_wrong_bytes(&error) => {
                self.health.mark_untrusted(&entry.name);
                let warning = format!(
                    "{}: checksum mismatch: the mirror {} sent wrong bytes, and is not used any more",
                    job.file.path, entry.source
                );
                job.progress.event(&Event::Warning(&warning));
                warnings.push(warning);
            }
            // A mirror need not have everything, nor let everyone in.
            ErrorKind::NotFound | ErrorKind::Unauthorized | ErrorKind::Unsupported | ErrorKind::Integrity
                if !authority => {}
            _ => return Err(error),
        }
        Ok(error)
    }

    async fn fetch_from(
        &self,
        job: &FetchJob,
        key: &PartialKey,
        leader: &Arc<Leadership>,
        authority: bool,
        entry: &SourceEntry,
    ) -> Result<Fetched> {
        let reporter =
            Reporter::new(job.file.path.clone(), job.file.size, Arc::clone(&job.progress), Arc::clone(leader));
        let reporter = Arc::new(reporter.with_live(self.live_files.of(key), &self.store, key));
        let spec = FileSpec::new(job, &entry.source);
        let lane = self.lane(job, authority, entry);
        if is_small(&job.file) {
            return small::fetch(self, &spec, key, &lane.backoff, &reporter, leader).await;
        }
        // On the heap: small files would otherwise carry its state around.
        Box::pin(self.fetch_ranges(job, leader, spec, lane, reporter)).await
    }

    /// Fetches a file that is too large for one buffer from one source.
    async fn fetch_ranges(
        &self,
        job: &FetchJob,
        leader: &Arc<Leadership>,
        spec: FileSpec,
        lane: Arc<Lane>,
        reporter: Arc<Reporter>,
    ) -> Result<Fetched> {
        let _permit = self.large.acquire(job.priority).await;
        let mut may_restart = true;
        loop {
            let wanted = Store::partial_key(&spec.version, &spec.file);
            let mut partial = self.partial(leader, job.access, move |store| store.partial(&wanted, None)).await?;
            reporter.opened(&partial);
            let resumed = !partial.recorded().is_empty();
            let lanes = [Arc::clone(&lane)];
            let hashes = match attempt::run(&spec, &lanes, &self.context(), &mut partial, &reporter).await? {
                TransferOutcome::Hashed(hashes, _) => hashes,
                TransferOutcome::Local(path) => {
                    drop(partial);
                    return outcome::adopt(self, path, &spec.file, &*spec.source).await;
                }
            };
            match outcome::judge(&spec.file, &hashes) {
                Verdict::Rejected { reason } => {
                    reporter.discard().await;
                    let error = outcome::reject(self, partial, &spec, &hashes, reason).await;
                    // What an earlier run left may be to blame rather than the source.
                    if !(resumed && std::mem::take(&mut may_restart)) {
                        return Err(error);
                    }
                    reporter.restarted(hashes.length);
                }
                verdict => return outcome::publish(self, partial, hashes, &spec, verdict).await,
            }
        }
    }
}

/// Tracing span of a fetch, without tokens and signed URLs.
fn span_of(job: &FetchJob) -> tracing::Span {
    tracing::info_span!(
        "fetch",
        otel.kind = "client",
        otel.status_code = tracing::field::Empty,
        "error.type" = tracing::field::Empty,
        model = %job.version.model,
        commit = %job.version.commit,
        file = %job.file.path,
        size = job.file.size,
    )
}

/// Reports the end of a job.
pub(crate) fn report_end(job: &FetchJob, result: &Result<Fetched>) {
    let path = &job.file.path;
    match result {
        Ok(Fetched { blob, outcome, verified, .. }) => {
            job.progress.event(&Event::Finished { path, size: blob.size, outcome: *outcome, verified: *verified });
        }
        Err(error) => job.progress.event(&Event::Failed { path, error }),
    }
}

/// Whether a file can come from several places at once: it is worth it, and what is wrong would be noticed.
fn is_multi_source_eligible(file: &FileEntry) -> bool {
    file.size.is_some() && !is_small(file) && is_checked(file)
}
