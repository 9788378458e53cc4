//! Mending a damaged blob: its broken ranges are fetched again, the intact ones kept, and only a whole and right file
//! takes its place.

use std::io::Read as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;

use cache_core::{DigestVerifier, Digests, Error, ErrorKind, FileEntry, Hashes, Outcome, Result, Verdict};
use cache_store::{Blob, Damage, Partial, Store, Verified, VerifyMode};

use crate::engine::{Engine, FetchJob, Fetched, Place, no_source, tell_end};
use crate::flight::{self, Lead, Leadership};
use crate::outcome;
use crate::reporter::Reporter;
use crate::transfer::{self, Arrived, What};

/// Bytes copied at a time from a file on this machine.
const COPY_BUFFER: usize = 256 << 10;

impl Engine {
    /// Fetches the broken ranges of a damaged blob again, keeping the intact ones, and replaces it. Dropping the future
    /// cancels.
    ///
    /// # Errors
    /// As [`Engine::fetch`]; the damaged blob then stays as it was.
    pub async fn repair(&self, damage: Damage, job: FetchJob) -> Result<Fetched> {
        let result = self.mend(&damage, &job).await;
        tell_end(&job, &result);
        result
    }

    async fn mend(&self, damage: &Damage, job: &FetchJob) -> Result<Fetched> {
        let mut file = job.file.clone();
        file.blob = None;
        file.digests.sha256 = Some(damage.name);
        // The damaged blob lies under the very name that a waiter would look for: by no digest may it be found.
        let unfindable = FileEntry { digests: Digests::default(), ..file.clone() };
        let key = Store::partial_key(&job.version, &file);
        let leader = match flight::lead(&self.store, &key, &unfindable, &job.progress).await? {
            Lead::Leader(leader) => leader,
            Lead::Arrived(blob) => return Ok(outcome::shared(blob, &file)),
        };
        let _turn = self.large.acquire(job.priority).await;
        let name = damage.name;
        // Whoever led before us may have mended it.
        if self.blocking(move |store| store.verify(&name, VerifyMode::Full)).await? == Verified::Intact {
            let blob = self.store.blob(&name)?.ok_or_else(|| no_source(&file))?;
            return Ok(outcome::shared(blob, &file));
        }
        let mut failed = None;
        for (rank, place) in job.places.iter().enumerate() {
            if rank > 0 && self.health.is_liar(&place.name) {
                continue;
            }
            match self.mend_from(damage, job, &file, place, &leader).await {
                Ok(blob) => {
                    let source = Some(place.source.to_string());
                    return Ok(Fetched::new(blob, Outcome::Fetched, true, source));
                }
                Err(error) => failed.get_or_insert(error),
            };
        }
        Err(failed.unwrap_or_else(|| no_source(&file)))
    }

    async fn mend_from(
        &self,
        damage: &Damage,
        job: &FetchJob,
        file: &FileEntry,
        place: &Place,
        leader: &Arc<Leadership>,
    ) -> Result<Blob> {
        let what = What { version: Arc::clone(&job.version), file: file.clone(), source: Arc::clone(&place.source) };
        let reporter = Reporter::new(file.path.clone(), file.size, Arc::clone(&job.progress), Arc::clone(leader));
        let reporter = Arc::new(reporter);
        let lanes = [self.lane(job, true, place)];
        let mut partial = self
            .blocking({
                let damage = damage.clone();
                move |store| store.repair_partial(&damage)
            })
            .await?;
        loop {
            let kept = !partial.recorded().is_empty();
            let arrived = transfer::run(&what, &lanes, &self.means(), &mut partial, &reporter).await?;
            let (filled, hashes) = match arrived {
                Arrived::Hashed(hashes, _) => (partial, hashes),
                Arrived::Local(path) => {
                    let entry = file.clone();
                    self.blocking(move |_| copy(&path, &entry, partial)).await?
                }
            };
            match DigestVerifier::judge(file, &hashes) {
                // What was thought intact may be what is wrong.
                Verdict::Rejected { .. } if kept => {
                    partial = filled;
                    partial.restart()?;
                    reporter.restarted(hashes.length);
                }
                Verdict::Rejected { reason } => return Err(outcome::reject(self, filled, &what, &hashes, reason).await),
                _ => {
                    let damage = damage.clone();
                    return self.blocking(move |store| store.publish_repair(&damage, filled, &hashes)).await;
                }
            }
        }
    }
}

/// Copies a file of this machine into the partial, hashing on the way.
fn copy(path: &Path, file: &FileEntry, mut partial: Partial) -> Result<(Partial, Hashes)> {
    let trouble = |error| Error::storage(format_args!("copy {}", path.display()), error);
    let mut from = std::fs::File::open(path).map_err(trouble)?;
    let size = from.metadata().map_err(trouble)?.len();
    if file.size.is_some_and(|expected| expected != size) {
        return Err(Error::new(
            ErrorKind::Integrity,
            format!("{} has another size than {}", path.display(), file.path),
        ));
    }
    partial.set_size(size)?;
    let mut hasher = DigestVerifier::hasher(file, size).with_blocks();
    let mut buffer = vec![0; COPY_BUFFER];
    loop {
        let length = from.read(&mut buffer).map_err(trouble)?;
        if length == 0 {
            return Ok((partial, hasher.finish()));
        }
        partial.file().write_all_at(&buffer[..length], hasher.length()).map_err(trouble)?;
        hasher.update(&buffer[..length]);
    }
}
