//! One file from several sources at once, and which source sent wrong bytes.
//!
//! The digest is that of the whole file: it says that something is wrong, not what. So each lane's ranges are remembered.
//! When the file is wrong, what the mirrors brought is fetched again from the others; where the bytes then differ, the
//! mirror sent wrong bytes. It is named and not used again in this run, and the file is right.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use cache_core::{ByteRange, Error, ErrorKind, Event, Hasher, Hashes, Result, Sha256, Verdict};
use cache_store::{Partial, PartialKey};

use crate::attempt::{self, TransferOutcome};
use crate::engine::Engine;
use crate::job::{FetchJob, Fetched, FileSpec, SourceEntry, no_source};
use crate::lane::{Lane, names};
use crate::leadership::Leadership;
use crate::ranges::RangeSet;
use crate::reporter::Reporter;
use crate::{disk, outcome};

/// Bytes read at a time when ranges are compared.
const CHUNK: usize = 256 << 10;

/// A lane and what of the file is its work.
struct Share {
    lane: Arc<Lane>,
    ranges: RangeSet,
}

/// A mirror whose bytes are fetched again elsewhere, and what they were.
struct Suspect {
    lane: Arc<Lane>,
    range_digests: Vec<(ByteRange, Sha256)>,
}

/// One file under way from several sources.
struct MultiSource<'a> {
    engine: &'a Engine,
    job: &'a FetchJob,
    spec: FileSpec,
    reporter: Arc<Reporter>,
    /// The lanes that may still be used, with what is theirs of the bytes that lie in the partial.
    shares: Vec<Share>,
    suspects: Vec<Suspect>,
    /// Said to the user.
    warnings: Vec<String>,
    failed: Option<Error>,
}

impl Engine {
    /// Fetches a file whose size and digest are known from all these places at once.
    pub(crate) async fn fetch_multi_source(
        &self,
        job: &FetchJob,
        key: &PartialKey,
        leader: &Arc<Leadership>,
        sources: &[(bool, SourceEntry)],
    ) -> Result<Fetched> {
        let Some((_, first)) = sources.first() else { return Err(no_source(&job.file)) };
        let spec = FileSpec::new(job, &first.source);
        let reporter =
            Reporter::new(job.file.path.clone(), job.file.size, Arc::clone(&job.progress), Arc::clone(leader));
        // While there are others to turn to, nobody is waited for long.
        let fail_fast = self.with_retries(self.config.retries.min(1));
        let last = sources.iter().map(|(_, entry)| entry.preference).min();
        let lanes = sources.iter().map(|(authority, entry)| {
            let engine = if Some(entry.preference) == last { self } else { &fail_fast };
            engine.lane(job, *authority, entry)
        });
        let mut multi_source = MultiSource {
            engine: self,
            job,
            spec,
            reporter: Arc::new(reporter.with_live(self.live_files.of(key), &self.store, key)),
            shares: lanes.map(|lane| Share { lane, ranges: RangeSet::default() }).collect(),
            suspects: Vec::new(),
            warnings: Vec::new(),
            failed: None,
        };
        let _permit = self.large.acquire(job.priority).await;
        multi_source.run(key, leader).await
    }
}

impl MultiSource<'_> {
    async fn run(&mut self, key: &PartialKey, leader: &Arc<Leadership>) -> Result<Fetched> {
        loop {
            let lanes: Vec<Arc<Lane>> = self.shares.iter().map(|share| Arc::clone(&share.lane)).collect();
            if lanes.is_empty() {
                return Err(self.failed.take().unwrap_or_else(|| no_source(&self.spec.file)));
            }
            let wanted = key.clone();
            let mut partial =
                self.engine.partial(leader, self.spec.access, move |store| store.partial(&wanted, None)).await?;
            self.reporter.opened(&partial);
            let unknown = !self.are_known(partial.recorded());
            let context = self.engine.context();
            let arrived = attempt::run(&self.spec, &lanes, &context, &mut partial, &self.reporter).await;
            self.note_failures();
            let (hashes, brought) = match arrived {
                Ok(TransferOutcome::Hashed(hashes, brought)) => (hashes, brought),
                Err(error) if self.continue_without_failed(&error) => continue,
                Err(error) => return Err(error),
                Ok(TransferOutcome::Local(path)) => {
                    drop(partial);
                    return outcome::adopt(self.engine, path, &self.spec.file, &*self.spec.source).await;
                }
            };
            // The authority's file may have changed on the way: then nothing is left of what was there before.
            let all_new = Some(brought.iter().map(RangeSet::total).sum()) == self.spec.file.size;
            if all_new {
                self.shares.iter_mut().for_each(|share| share.ranges = RangeSet::default());
            }
            for (share, ranges) in self.shares.iter_mut().zip(brought) {
                ranges.as_slice().iter().for_each(|&range| share.ranges.insert(range));
            }
            let reason = match outcome::judge(&self.spec.file, &hashes) {
                Verdict::Rejected { reason } => reason,
                verdict => {
                    self.blame_suspects(partial.file()).await?;
                    return self.publish(partial, hashes, verdict).await;
                }
            };
            let contributors = self.shares.iter().filter(|share| !share.ranges.is_empty()).count();
            // What is put out of the way, or written over, is nothing to read.
            self.reporter.discard().await;
            if unknown && !all_new {
                self.restart_from_quarantine(&mut partial, &hashes).await?;
            } else if contributors <= 1 {
                self.blame_one(partial, &hashes, reason).await;
            } else {
                self.refetch_suspects(&mut partial).await?;
            }
        }
    }

    /// Whether the source of these ranges is known. It is unknown for bytes of an earlier process.
    fn are_known(&self, recorded: &[ByteRange]) -> bool {
        let mut known = RangeSet::default();
        self.shares.iter().flat_map(|share| share.ranges.as_slice()).for_each(|&range| known.insert(range));
        recorded.iter().all(|&range| known.contains(range))
    }

    /// After all lanes have failed: whether one of them might do without the others.
    fn continue_without_failed(&mut self, error: &Error) -> bool {
        let may_help = |share: &Share| share.lane.given_up().is_some_and(|error| !share.lane.is_final(error));
        if self.shares.len() < 2 || !self.shares.iter().all(may_help) {
            return false;
        }
        self.failed.get_or_insert_with(|| error.clone());
        self.drop_given_up();
        !self.shares.is_empty()
    }

    /// Sources that could not be reached come last for a while.
    fn note_failures(&self) {
        for share in &self.shares {
            if share.lane.given_up().is_some_and(|error| error.kind() == ErrorKind::Network) {
                self.engine.health.failed(&share.lane.name);
            }
        }
    }

    /// Discards everything and starts over: bytes of an earlier process may be wrong.
    async fn restart_from_quarantine(&mut self, partial: &mut Partial, hashes: &Hashes) -> Result<()> {
        disk::blocking(partial.restart_task()).await?;
        self.reporter.restarted(hashes.length);
        self.shares.iter_mut().for_each(|share| share.ranges = RangeSet::default());
        self.clear_suspects();
        Ok(())
    }

    /// All bytes are one lane's: it is the one.
    async fn blame_one(&mut self, partial: Partial, hashes: &Hashes, reason: String) {
        self.reporter.restarted(hashes.length);
        let Some(at) = self.shares.iter().position(|share| !share.ranges.is_empty()) else {
            return self.shares.clear();
        };
        let Share { lane, .. } = self.shares.remove(at);
        let spec = FileSpec { source: Arc::clone(&lane.source), ..self.spec.clone() };
        let error = outcome::reject(self.engine, partial, &spec, hashes, reason).await;
        self.report_wrong_bytes(&lane);
        self.failed.get_or_insert(error);
        self.clear_suspects();
        self.drop_given_up();
    }

    /// Clears the suspects: another source sent wrong bytes, or none was found.
    fn clear_suspects(&mut self) {
        let suspects = std::mem::take(&mut self.suspects).into_iter();
        self.shares.extend(suspects.map(|Suspect { lane, .. }| Share { lane, ranges: RangeSet::default() }));
    }

    /// Lanes that were given up are of no use for another try, but for one that serves no ranges: it can send the whole
    /// file when no other lane is left.
    fn drop_given_up(&mut self) {
        let whole = self.shares.iter().map(|share| &share.lane).filter(|lane| !lane.ranges());
        let whole = whole.max_by_key(|lane| lane.authority).cloned();
        self.shares.retain(|share| share.lane.given_up().is_none());
        if let Some(lane) = whole.filter(|_| self.shares.is_empty()) {
            let entry = lane.entry();
            let lane = self.engine.lane(self.job, lane.authority, &entry);
            self.shares.push(Share { lane, ranges: RangeSet::default() });
        }
    }

    /// Removes the bytes of suspects, to fetch them from other lanes: those of the mirrors while the authority is usable;
    /// else those of lanes that were given up; else those of one mirror after the other.
    async fn refetch_suspects(&mut self, partial: &mut Partial) -> Result<()> {
        let is_dead = |share: &Share| share.lane.given_up().is_some();
        let authority = self.shares.iter().any(|share| share.lane.authority && !is_dead(share));
        let dead = self.shares.iter().any(|share| is_dead(share) && !share.ranges.is_empty());
        let mut taken: Vec<Share> = Vec::new();
        let mut at = 0;
        while at < self.shares.len() {
            let share = &self.shares[at];
            let suspected = match (authority, dead) {
                (true, _) => !share.lane.authority,
                (false, true) => is_dead(share),
                (false, false) => taken.is_empty(),
            };
            if suspected && !share.ranges.is_empty() {
                taken.push(self.shares.remove(at));
            } else {
                at += 1;
            }
        }
        let mut keep = RangeSet::default();
        keep.insert(ByteRange { start: 0, end: self.spec.file.size.unwrap_or_default() });
        let mut lost = 0;
        for Share { lane, ranges } in taken {
            let range_digests = range_digests(partial.file(), ranges.as_slice()).await?;
            ranges.as_slice().iter().for_each(|&range| keep.remove(range));
            lost += ranges.total();
            self.suspects.push(Suspect { lane, range_digests });
        }
        self.reporter.restarted(lost);
        disk::blocking(partial.keep_task(keep.as_slice().to_vec())).await?;
        // Whose bytes stay may still be needed to find out more; who cannot be asked any more brings nothing.
        if self.shares.iter().all(|share| share.lane.given_up().is_some()) {
            let why = self.shares.iter().find_map(|share| share.lane.given_up().cloned());
            self.failed = self.failed.take().or(why);
            self.drop_given_up();
        }
        Ok(())
    }

    /// Reports the suspects whose bytes differ from those of the verified file.
    async fn blame_suspects(&mut self, file: &Arc<File>) -> Result<()> {
        for Suspect { lane, range_digests: before } in std::mem::take(&mut self.suspects) {
            let ranges: Vec<ByteRange> = before.iter().map(|(range, _)| *range).collect();
            if range_digests(file, &ranges).await? != before {
                self.report_wrong_bytes(&lane);
            }
        }
        Ok(())
    }

    fn report_wrong_bytes(&mut self, lane: &Lane) {
        let path = &self.spec.file.path;
        let words = if lane.authority {
            format!("{path}: checksum mismatch: wrong bytes from {lane}")
        } else {
            self.engine.health.mark_untrusted(&lane.name);
            format!("{path}: checksum mismatch: the mirror {lane} sent wrong bytes, and is not used any more")
        };
        self.job.progress.event(&Event::Warning(&words));
        self.warnings.push(words);
    }

    async fn publish(&mut self, partial: Partial, hashes: Hashes, verdict: Verdict) -> Result<Fetched> {
        let from = self.shares.iter().filter(|share| !share.ranges.is_empty());
        let shares: Vec<(String, u64)> =
            from.clone().map(|share| (share.lane.to_string(), share.ranges.total())).collect();
        for (source, bytes) in shares.iter().filter(|_| shares.len() > 1) {
            let path = &self.spec.file.path;
            self.job.progress.event(&Event::Shared { path, source, bytes: *bytes });
        }
        let source = names(from.map(|share| &share.lane));
        let fetched = outcome::publish(self.engine, partial, hashes, &self.spec, verdict).await?;
        let warnings = std::mem::take(&mut self.warnings);
        Ok(Fetched { source: Some(source), shares, warnings, ..fetched })
    }
}

/// The hashes of ranges of a file as they are now.
async fn range_digests(file: &Arc<File>, ranges: &[ByteRange]) -> Result<Vec<(ByteRange, Sha256)>> {
    let (file, ranges) = (Arc::clone(file), ranges.to_vec());
    let work = move || ranges.into_iter().map(|range| Ok((range, range_digest(&file, range)?))).collect();
    disk::blocking(work).await
}

fn range_digest(file: &File, range: ByteRange) -> Result<Sha256> {
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; CHUNK];
    let mut at = range.start;
    while at < range.end {
        let length = usize::try_from(range.end - at).unwrap_or(CHUNK).min(CHUNK);
        let chunk = &mut buffer[..length];
        file.read_exact_at(chunk, at).map_err(|error| Error::storage("read back what was fetched", error))?;
        hasher.update(chunk);
        at += length as u64;
    }
    Ok(hasher.finish().sha256)
}
