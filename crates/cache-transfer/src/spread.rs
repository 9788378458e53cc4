//! One file from several sources at once, and who is to blame when it is wrong.
//!
//! The digest is that of the whole file: it says that something is wrong, not what. So each lane's ranges are remembered.
//! When the file is wrong, what the mirrors brought is fetched again from the others; where the bytes then differ, the
//! mirror lied. It is named and not asked again in this run, and the file is right.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use cache_core::{ByteRange, Error, ErrorKind, Event, Hasher, Hashes, Result, Sha256, Verdict};
use cache_store::{Partial, PartialKey};

use crate::engine::{Engine, FetchJob, Fetched, Place, no_source};
use crate::flight::Leadership;
use crate::lane::Lane;
use crate::outcome;
use crate::ranges::RangeSet;
use crate::reporter::Reporter;
use crate::transfer::{self, Arrived, What, names};

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
    prints: Vec<(ByteRange, Sha256)>,
}

/// One file under way from several sources.
struct Spread<'a> {
    engine: &'a Engine,
    job: &'a FetchJob,
    what: What,
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
    pub(crate) async fn fetch_spread(
        &self,
        job: &FetchJob,
        key: &PartialKey,
        leader: &Arc<Leadership>,
        places: &[(bool, Place)],
    ) -> Result<Fetched> {
        let Some((_, first)) = places.first() else { return Err(no_source(&job.file)) };
        let what =
            What { version: Arc::clone(&job.version), file: job.file.clone(), source: Arc::clone(&first.source) };
        let reporter =
            Reporter::new(job.file.path.clone(), job.file.size, Arc::clone(&job.progress), Arc::clone(leader));
        // While there are others to turn to, nobody is waited for long.
        let hasty = self.with_retries(self.config.retries.min(1));
        let last = places.iter().map(|(_, place)| place.preference).min();
        let lanes = places.iter().map(|(authority, place)| {
            let engine = if Some(place.preference) == last { self } else { &hasty };
            engine.lane(job, *authority, place)
        });
        let mut spread = Spread {
            engine: self,
            job,
            what,
            reporter: Arc::new(reporter.with_live(self.lives.of(key))),
            shares: lanes.map(|lane| Share { lane, ranges: RangeSet::default() }).collect(),
            suspects: Vec::new(),
            warnings: Vec::new(),
            failed: None,
        };
        let _turn = self.large.acquire(job.priority).await;
        spread.run(key).await
    }
}

impl Spread<'_> {
    async fn run(&mut self, key: &PartialKey) -> Result<Fetched> {
        loop {
            let lanes: Vec<Arc<Lane>> = self.shares.iter().map(|share| Arc::clone(&share.lane)).collect();
            if lanes.is_empty() {
                return Err(self.failed.take().unwrap_or_else(|| no_source(&self.what.file)));
            }
            let mut partial = self
                .engine
                .blocking({
                    let key = key.clone();
                    move |store| store.partial(&key, None)
                })
                .await?;
            let unknown = !self.are_known(partial.recorded());
            let means = self.engine.means();
            let arrived = transfer::run(&self.what, &lanes, &means, &mut partial, &self.reporter).await;
            self.note_failures();
            let (hashes, brought) = match arrived {
                Ok(Arrived::Hashed(hashes, brought)) => (hashes, brought),
                Err(error) if self.go_on_alone(&error) => continue,
                Err(error) => return Err(error),
                Ok(Arrived::Local(path)) => {
                    drop(partial);
                    return outcome::adopt(self.engine, path, &self.what.file, &*self.what.source).await;
                }
            };
            // The authority's file may have changed on the way: then nothing is left of what was there before.
            let all_new = Some(brought.iter().map(RangeSet::total).sum()) == self.what.file.size;
            if all_new {
                self.shares.iter_mut().for_each(|share| share.ranges = RangeSet::default());
            }
            for (share, ranges) in self.shares.iter_mut().zip(brought) {
                ranges.as_slice().iter().for_each(|&range| share.ranges.insert(range));
            }
            let reason = match outcome::judge(&self.what.file, &hashes) {
                Verdict::Rejected { reason } => reason,
                verdict => {
                    self.expose(partial.file()).await?;
                    return self.publish(partial, hashes, verdict).await;
                }
            };
            let contributors = self.shares.iter().filter(|share| !share.ranges.is_empty()).count();
            // What is put out of the way, or written over, is nothing to read.
            self.reporter.live().withdraw();
            if unknown && !all_new {
                self.begin_anew(&mut partial, &hashes)?;
            } else if contributors <= 1 {
                self.blame_one(partial, &hashes, reason).await;
            } else {
                self.suspect(&mut partial).await?;
            }
        }
    }

    /// Whether it is remembered who brought these ranges. Bytes of an earlier process are nobody's.
    fn are_known(&self, recorded: &[ByteRange]) -> bool {
        let mut known = RangeSet::default();
        self.shares.iter().flat_map(|share| share.ranges.as_slice()).for_each(|&range| known.insert(range));
        recorded.iter().all(|&range| known.contains(range))
    }

    /// After all lanes have failed: whether one of them might do without the others.
    fn go_on_alone(&mut self, error: &Error) -> bool {
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

    /// What an earlier run left may be to blame: all is fetched once more.
    fn begin_anew(&mut self, partial: &mut Partial, hashes: &Hashes) -> Result<()> {
        partial.restart()?;
        self.reporter.restarted(hashes.length);
        self.shares.iter_mut().for_each(|share| share.ranges = RangeSet::default());
        self.acquit();
        Ok(())
    }

    /// All bytes are one lane's: it is the one.
    async fn blame_one(&mut self, partial: Partial, hashes: &Hashes, reason: String) {
        self.reporter.restarted(hashes.length);
        let Some(at) = self.shares.iter().position(|share| !share.ranges.is_empty()) else {
            return self.shares.clear();
        };
        let Share { lane, .. } = self.shares.remove(at);
        let what = What { source: Arc::clone(&lane.source), ..self.what.clone() };
        let error = outcome::reject(self.engine, partial, &what, hashes, reason).await;
        self.accuse(&lane);
        self.failed.get_or_insert(error);
        self.acquit();
        self.drop_given_up();
    }

    /// Another one lied, or nobody knows who: the suspects can be asked again.
    fn acquit(&mut self) {
        let suspects = std::mem::take(&mut self.suspects).into_iter();
        self.shares.extend(suspects.map(|Suspect { lane, .. }| Share { lane, ranges: RangeSet::default() }));
    }

    /// Lanes that were given up are of no use for another try, but for one that serves no ranges: it can send the whole
    /// when nobody else is left.
    fn drop_given_up(&mut self) {
        let whole = self.shares.iter().map(|share| &share.lane).filter(|lane| !lane.ranges());
        let whole = whole.max_by_key(|lane| lane.authority).cloned();
        self.shares.retain(|share| share.lane.given_up().is_none());
        if let Some(lane) = whole.filter(|_| self.shares.is_empty()) {
            let place = lane.place();
            let lane = self.engine.lane(self.job, lane.authority, &place);
            self.shares.push(Share { lane, ranges: RangeSet::default() });
        }
    }

    /// Takes bytes out, to have them from the others: those of the mirrors while the authority is there to bring them;
    /// else those of all who cannot be asked again; else those of one mirror after the other.
    async fn suspect(&mut self, partial: &mut Partial) -> Result<()> {
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
        keep.insert(ByteRange { start: 0, end: self.what.file.size.unwrap_or_default() });
        let mut lost = 0;
        for Share { lane, ranges } in taken {
            let prints = prints(partial.file(), ranges.as_slice()).await?;
            ranges.as_slice().iter().for_each(|&range| keep.remove(range));
            lost += ranges.total();
            self.suspects.push(Suspect { lane, prints });
        }
        self.reporter.restarted(lost);
        partial.keep(keep.as_slice().to_vec())?;
        // Whose bytes stay may still be needed to find out more; who cannot be asked any more brings nothing.
        if self.shares.iter().all(|share| share.lane.given_up().is_some()) {
            let why = self.shares.iter().find_map(|share| share.lane.given_up().cloned());
            self.failed = self.failed.take().or(why);
            self.drop_given_up();
        }
        Ok(())
    }

    /// The file is right now: a suspect whose bytes were others lied.
    async fn expose(&mut self, file: &Arc<File>) -> Result<()> {
        for Suspect { lane, prints: before } in std::mem::take(&mut self.suspects) {
            let ranges: Vec<ByteRange> = before.iter().map(|(range, _)| *range).collect();
            if prints(file, &ranges).await? != before {
                self.accuse(&lane);
            }
        }
        Ok(())
    }

    fn accuse(&mut self, lane: &Lane) {
        let path = &self.what.file.path;
        let words = if lane.authority {
            format!("{path}: {lane} sent bytes that do not have the digest of the listing")
        } else {
            self.engine.health.lied(&lane.name);
            format!("{path}: the mirror {lane} sent wrong bytes; it is not used any more in this run")
        };
        self.job.progress.event(&Event::Warning(&words));
        self.warnings.push(words);
    }

    async fn publish(&mut self, partial: Partial, hashes: Hashes, verdict: Verdict) -> Result<Fetched> {
        let from = self.shares.iter().filter(|share| !share.ranges.is_empty());
        let shares: Vec<(String, u64)> =
            from.clone().map(|share| (share.lane.to_string(), share.ranges.total())).collect();
        for (source, bytes) in shares.iter().filter(|_| shares.len() > 1) {
            let path = &self.what.file.path;
            self.job.progress.event(&Event::Shared { path, source, bytes: *bytes });
        }
        let source = names(from.map(|share| &share.lane));
        let fetched = outcome::publish(self.engine, partial, hashes, &self.what, verdict).await?;
        let warnings = std::mem::take(&mut self.warnings);
        Ok(Fetched { source: Some(source), shares, warnings, ..fetched })
    }
}

/// The hashes of ranges of a file as they are now.
async fn prints(file: &Arc<File>, ranges: &[ByteRange]) -> Result<Vec<(ByteRange, Sha256)>> {
    let (file, ranges) = (Arc::clone(file), ranges.to_vec());
    let work = move || ranges.into_iter().map(|range| Ok((range, print(&file, range)?))).collect();
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Error::new(ErrorKind::Storage, "a task was lost").with_source(error))?
}

fn print(file: &File, range: ByteRange) -> Result<Sha256> {
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
