//! [`VisibilityRecords`]: recorded visibilities, and what the configuration opens in spite of them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use cache_lib::{Cache, Evidence, ModelId, Result, Visibility, VisibilityRecord};
use globset::GlobSet;

use crate::blocking::blocking;
use crate::bounded::LruCache;
use crate::clock::Clock;
use crate::config::ServerConfig;
use crate::globs::globs;
use crate::repo::Repo;

/// How long what was read counts: other processes record, too.
const FRESH: Duration = Duration::from_secs(1);
/// Most records in memory. Any name can be requested, so the least used ones go.
pub(crate) const KEPT: usize = 4096;

/// A visibility, and whether a refusal of upstream is what is known of it. Without a record: unknown, not refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct RecordedVisibility {
    pub(crate) visibility: Visibility,
    pub(crate) refused: bool,
}

impl RecordedVisibility {
    pub(crate) const PUBLIC: Self = Self { visibility: Visibility::Public, refused: false };
    /// Closed, whatever is assumed of repositories without a record.
    pub(crate) const CLOSED: Self = Self { visibility: Visibility::Private, refused: false };
    pub(crate) const REFUSED: Self = Self { visibility: Visibility::Unknown, refused: true };

    pub(crate) fn is_public(self) -> bool {
        self.visibility.is_public()
    }
}

impl From<VisibilityRecord> for RecordedVisibility {
    fn from(record: VisibilityRecord) -> Self {
        Self { visibility: record.visibility, refused: record.evidence == Evidence::Refused }
    }
}

/// What a read of the disk found.
type Found = Option<RecordedVisibility>;

/// Recorded visibilities, and what the configuration opens in spite of them.
#[derive(Debug)]
pub(crate) struct VisibilityRecords {
    reading: Arc<RecordReader>,
    kept: Mutex<LruCache<Repo, (Instant, Found)>>,
    clock: Clock,
    /// `server.anonymous`.
    anonymous: GlobSet,
    /// `--assume-public`: offline, unknown is public.
    assume_public: bool,
}

#[derive(Debug)]
struct RecordReader {
    cache: Cache,
    /// Other sources, by the repositories as which they are served.
    aliases: BTreeMap<String, String>,
}

impl VisibilityRecords {
    pub(crate) fn new(config: &ServerConfig, cache: Cache, clock: Clock) -> Result<Self> {
        let aliases = config.models.iter().map(|(name, alias)| (name.clone(), alias.from.clone())).collect();
        Ok(Self {
            reading: Arc::new(RecordReader { cache, aliases }),
            kept: Mutex::new(LruCache::new(KEPT)),
            clock,
            anonymous: globs("server.anonymous", &config.anonymous)?,
            assume_public: config.assume_public,
        })
    }

    /// What was recorded at the last [`load`](Self::load); `None` without a record. Reads no disk: what was never loaded
    /// is closed.
    pub(crate) fn recorded(&self, repo: &Repo) -> Found {
        self.lock().get(repo).map_or(Some(RecordedVisibility::CLOSED), |(_, found)| *found)
    }

    /// What is recorded; reads the disk where the last read is too old. A disk that fails opens nothing.
    pub(crate) async fn load(&self, repo: &Repo) -> Found {
        self.load_all(&[repo]).await;
        self.recorded(repo)
    }

    /// As [`load`](Self::load), for up to [`KEPT`] repositories at once.
    pub(crate) async fn load_all(&self, repos: &[&Repo]) {
        let lapsed: Vec<Repo> =
            repos.iter().filter(|repo| !self.is_fresh(repo)).map(|repo| Repo::clone(repo)).collect();
        self.read(lapsed).await;
    }

    /// Reads a record that has changed.
    pub(crate) async fn reload(&self, repo: &Repo) {
        self.read(vec![repo.clone()]).await;
    }

    async fn read(&self, repos: Vec<Repo>) {
        if repos.is_empty() {
            return;
        }
        let (reading, wanted, at) = (Arc::clone(&self.reading), repos.clone(), self.clock.now());
        let read = blocking(move || Ok(wanted.iter().map(|repo| reading.read(repo)).collect::<Vec<_>>())).await;
        let found = read.unwrap_or_else(|_| vec![Some(RecordedVisibility::CLOSED); repos.len()]);
        let mut kept = self.lock();
        for (repo, found) in repos.into_iter().zip(found) {
            // A later read may have ended before.
            if kept.get(&repo).is_none_or(|(other, _)| *other <= at) {
                kept.insert(repo, (at, found));
            }
        }
    }

    /// Whether it is another source by configuration.
    pub(crate) fn is_alias(&self, repo: &Repo) -> bool {
        self.reading.aliases.contains_key(&repo.to_string())
    }

    /// Whether the configuration opens it by name.
    pub(crate) fn is_named(&self, repo: &Repo) -> bool {
        self.anonymous.is_match(repo.to_string())
    }

    /// Whether it is readable without a token where upstream cannot be asked.
    pub(crate) fn is_open(&self, repo: &Repo, known: RecordedVisibility) -> bool {
        // Online upstream decides: its silence grants nothing.
        let assumed = self.assume_public && self.reading.cache.is_offline();
        // What upstream has refused is known not to be public.
        let unknown = known.visibility == Visibility::Unknown && !known.refused;
        known.is_public() || (unknown && assumed) || self.is_named(repo)
    }

    /// The visibility that answers state. Unknown and open by configuration is public here.
    pub(crate) fn stated(&self, repo: &Repo, known: RecordedVisibility) -> Visibility {
        let open = known.visibility == Visibility::Unknown && self.is_open(repo, known);
        if open { Visibility::Public } else { known.visibility }
    }

    fn is_fresh(&self, repo: &Repo) -> bool {
        let now = self.clock.now();
        self.lock().get(repo).is_some_and(|(at, _)| now.saturating_duration_since(*at) < FRESH)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, LruCache<Repo, (Instant, Found)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RecordReader {
    /// A record that cannot be read opens nothing, whatever is assumed of what has none.
    fn read(&self, repo: &Repo) -> Found {
        let recorded = |model: &ModelId| {
            let record = self.cache.store().visibility(model);
            record.map_or(Some(RecordedVisibility::CLOSED), |record| record.map(RecordedVisibility::from))
        };
        match self.aliases.get(&repo.to_string()) {
            None => recorded(&repo.model()),
            // A registered name may be changed at any time.
            Some(from) => self.cache.reference(from.as_str()).ok().and_then(|reference| recorded(&reference.model)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::clock::TestClock;
    use crate::config::ModelAlias;

    #[tokio::test]
    async fn alias_is_as_public_as_its_source() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::builder().root(folder.path()).offline(true).build().unwrap();
        let model = ModelId::hub("org/open").unwrap();
        let record = VisibilityRecord::new(Visibility::Public, Evidence::Anonymous, SystemTime::now());
        cache.store().put_visibility(&model, &record).unwrap();
        let alias = |from: &str| ModelAlias { from: from.to_owned() };
        let models = [("my/open", "hf://org/open"), ("my/bucket", "s3://b/p"), ("my/nothing", "no name at all")];
        let models = models.map(|(name, from)| (name.to_owned(), alias(from)));
        let mut config = ServerConfig { models: models.into(), ..ServerConfig::default() };
        config.anonymous = vec!["my/b*".to_owned()];
        let records = VisibilityRecords::new(&config, cache, TestClock::new().clock()).unwrap();
        for (name, recorded, open, told) in [
            ("my/open", Some(Visibility::Public), true, Visibility::Public),
            ("my/bucket", None, true, Visibility::Public),
            ("my/nothing", None, false, Visibility::Unknown),
            ("org/open", Some(Visibility::Public), true, Visibility::Public),
        ] {
            let repo = Repo::of(&ModelId::hub(name).unwrap()).unwrap();
            let known = records.load(&repo).await;
            assert_eq!(known.map(|known| known.visibility), recorded, "{name}");
            let known = known.unwrap_or_default();
            assert_eq!((records.is_open(&repo, known), records.stated(&repo, known)), (open, told), "{name}");
        }
    }

    #[tokio::test]
    async fn record_of_another_process_counts_in_a_second() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::builder().root(folder.path()).offline(true).build().unwrap();
        let (clock, model) = (TestClock::new(), ModelId::hub("org/name").unwrap());
        let records = VisibilityRecords::new(&ServerConfig::default(), cache.clone(), clock.clock()).unwrap();
        let repo = Repo::of(&model).unwrap();
        assert_eq!(records.load(&repo).await, None);
        let record = VisibilityRecord::new(Visibility::Private, Evidence::Token, SystemTime::now());
        cache.store().put_visibility(&model, &record).unwrap();
        assert_eq!(records.load(&repo).await, None);
        clock.pass(FRESH);
        assert_eq!(records.load(&repo).await, Some(RecordedVisibility::CLOSED));
    }

    #[tokio::test]
    async fn what_was_not_loaded_is_closed() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::builder().root(folder.path()).offline(true).build().unwrap();
        let config = ServerConfig { assume_public: true, ..ServerConfig::default() };
        let records = VisibilityRecords::new(&config, cache.clone(), TestClock::new().clock()).unwrap();
        let model = ModelId::hub("org/name").unwrap();
        let repo = Repo::of(&model).unwrap();
        let is_open = || records.is_open(&repo, records.recorded(&repo).unwrap_or_default());
        assert!(!is_open());
        records.load(&repo).await;
        assert!(is_open(), "unknown, and assumed to be public");
        let refused = VisibilityRecord::new(Visibility::Unknown, Evidence::Refused, SystemTime::now());
        cache.store().put_visibility(&model, &refused).unwrap();
        records.reload(&repo).await;
        assert!(!is_open(), "refused is not unknown");
    }
}
