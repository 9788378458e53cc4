//! [`Flight`]: one file on its way into the store, for all in this process who opened it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cache_transfer::Live;
use tokio::sync::watch;

use super::heard::{Arrival, Heard};
use super::{Held, get};
use crate::cache::blocking;
use crate::look::Look;
use crate::{Cache, Error, ErrorKind, FileEntry, Progress, RepoPath, Result, Version};

type Key = (Version, RepoPath);
type End = Result<Arc<Held>>;

/// The files that are on their way.
#[derive(Debug, Default)]
pub(crate) struct Flights(Mutex<BTreeMap<Key, Arc<Flight>>>);

/// A file on its way. It lands or fails whether or not anybody waits for it, and is forgotten then.
#[derive(Debug)]
pub(super) struct Flight {
    /// The bytes that are there already.
    pub(super) live: Live,
    end: watch::Receiver<Option<End>>,
    heard: Arc<Heard>,
    /// Who asked for it: a cache for each token, in the order they came.
    asking: Mutex<Vec<Cache>>,
}

impl Flights {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Key, Arc<Flight>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The flight of a file, if there is one.
    pub(super) fn join(&self, cache: &Cache, version: &Version, path: &RepoPath) -> Option<Arc<Flight>> {
        let flights = self.lock();
        let flight = flights.get(&(version.clone(), path.clone()))?;
        flight.asked_by(cache);
        Some(Arc::clone(flight))
    }

    /// Starts the flight of a file, unless somebody was faster.
    pub(super) fn start(
        self: &Arc<Self>,
        cache: &Cache,
        look: Look,
        file: &FileEntry,
        progress: Option<Arc<dyn Progress>>,
    ) -> Arc<Flight> {
        let key = (look.version().clone(), file.path.clone());
        let mut flights = self.lock();
        if let Some(flight) = flights.get(&key) {
            flight.asked_by(cache);
            return Arc::clone(flight);
        }
        let (sender, end) = watch::channel(None);
        let flight = Arc::new(Flight {
            live: cache.0.engine.live(&key.0, file),
            end,
            heard: Arc::new(Heard::new(file.size, progress)),
            asking: Mutex::new(vec![cache.clone()]),
        });
        flights.insert(key.clone(), Arc::clone(&flight));
        drop(flights);
        let pilot = Pilot { flights: Arc::clone(self), key, flight: Arc::clone(&flight), end: sender };
        tokio::spawn(pilot.fly(look));
        flight
    }

    pub(super) fn arrivals(&self) -> Vec<Arrival> {
        let flights = self.lock();
        let arrivals = flights.iter().map(|((version, path), flight)| {
            let notes = flight.heard.notes().clone();
            Arrival {
                version: version.clone(),
                path: path.clone(),
                size: notes.size,
                landed: notes.landed,
                source: notes.source,
                // The list and the pilot have it, too.
                readers: Arc::strong_count(flight).saturating_sub(2),
            }
        });
        arrivals.collect()
    }
}

impl Flight {
    /// Waits for the end.
    pub(super) async fn landed(&self) -> End {
        let mut end = self.end.clone();
        let ended = end.wait_for(Option::is_some).await.ok().and_then(|end| end.clone());
        ended.unwrap_or_else(|| Err(Error::new(ErrorKind::Interrupted, "the task that fetched the file was lost")))
    }

    fn asking(&self) -> MutexGuard<'_, Vec<Cache>> {
        self.asking.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn asked_by(&self, cache: &Cache) {
        let mut asking = self.asking();
        if asking.iter().all(|other| other.0.sources.bearer != cache.0.sources.bearer) {
            asking.push(cache.clone());
        }
    }
}

/// What runs a flight. Dropped, it takes the flight off the list, and who waits is told.
struct Pilot {
    flights: Arc<Flights>,
    key: Key,
    flight: Arc<Flight>,
    end: watch::Sender<Option<End>>,
}

impl Pilot {
    /// Fetches the file with the first token that was given; when that may not, with the next.
    async fn fly(self, look: Look) {
        let mut nth = 0;
        let end = loop {
            let asking = self.flight.asking().get(nth).cloned();
            let Some(cache) = asking else { break Err(Error::interrupted()) };
            let end = self.fetch(&cache, &look).await;
            nth += 1;
            // Nobody joins while the list is locked.
            let mut flights = self.flights.lock();
            let others = self.flight.asking().len() > nth;
            if !others || !end.as_ref().is_err_and(is_personal) {
                flights.remove(&self.key);
                break end;
            }
        };
        self.flight.asking().clear();
        self.end.send_replace(Some(end));
    }

    async fn fetch(&self, cache: &Cache, look: &Look) -> End {
        let end = self.try_fetch(cache, look).await;
        // Whose error was it? Somebody with another token may have been fetching the same content.
        let waited = std::mem::take(&mut self.flight.heard.notes().waited);
        if waited && end.as_ref().is_err_and(is_personal) { self.try_fetch(cache, look).await } else { end }
    }

    async fn try_fetch(&self, cache: &Cache, look: &Look) -> End {
        let get =
            get(cache, look.manifest(), &self.key.1)?.progress(Arc::clone(&self.flight.heard) as Arc<dyn Progress>);
        let wanted = get.wanted()?;
        let snapshot = get.run_of(wanted, look).await?;
        let cache = cache.clone();
        blocking(move || {
            let name = snapshot.files().first().map(|file| file.blob.name);
            let held = Held::of(&cache, name)?;
            // Only now: without a gap between the two leases nobody evicts it.
            drop(snapshot);
            held.map(Arc::new).ok_or_else(|| Error::new(ErrorKind::Storage, "what was fetched is gone again"))
        })
        .await
    }
}

impl Drop for Pilot {
    fn drop(&mut self) {
        let mut flights = self.flights.lock();
        if flights.get(&self.key).is_some_and(|flight| Arc::ptr_eq(flight, &self.flight)) {
            flights.remove(&self.key);
        }
    }
}

/// Whether another token might fare better.
fn is_personal(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Unauthorized | ErrorKind::NotFound)
}
