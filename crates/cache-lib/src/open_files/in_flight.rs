//! [`Flight`]: one file on its way into the store, for all in this process who opened it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cache_store::Store;
use cache_transfer::LiveFile;
use tokio::sync::watch;

use crate::open_files::fetch_state::{Arrival, Heard};
use crate::open_files::streaming::{Streaming, Streams};
use crate::read::reader::{Held, get};
use crate::request::resolution::Look;
use crate::task::blocking;
use crate::{Cache, Error, ErrorKind, FileEntry, Progress, RepoPath, Result, Version};

type Key = (Version, RepoPath);
type End = Result<Arc<Held>>;

/// The files that are on their way.
#[derive(Debug, Default)]
pub(crate) struct Flights {
    flights: Mutex<BTreeMap<Key, Arc<Flight>>>,
    streams: Streams,
}

/// A file on its way. It lands or fails whether or not anybody waits for it, and is forgotten then.
#[derive(Debug)]
pub(crate) struct Flight {
    /// The bytes that are there already.
    pub(crate) live: LiveFile,
    pub(crate) streaming: Arc<Streaming>,
    end: watch::Receiver<Option<End>>,
    heard: Arc<Heard>,
    /// Who asked for it: a cache for each token, in the order they came.
    asking: Mutex<Vec<Cache>>,
}

impl Flights {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Key, Arc<Flight>>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The flight of a file, if there is one.
    pub(crate) fn join(&self, cache: &Cache, version: &Version, path: &RepoPath) -> Option<Arc<Flight>> {
        let flights = self.lock();
        let flight = flights.get(&(version.clone(), path.clone()))?;
        flight.asked_by(cache);
        Some(Arc::clone(flight))
    }

    /// Starts the flight of a file, unless somebody was faster.
    pub(crate) fn start(
        self: &Arc<Self>,
        cache: &Cache,
        look: Look,
        file: &FileEntry,
        poisoned: bool,
        progress: Option<Arc<dyn Progress>>,
    ) -> Arc<Flight> {
        let key = (look.version().clone(), file.path.clone());
        let mut flights = self.lock();
        if let Some(flight) = flights.get(&key) {
            flight.asked_by(cache);
            return Arc::clone(flight);
        }
        let (sender, end) = watch::channel(None);
        let live = cache.0.engine.live(&key.0, file);
        live.forget_received();
        let flight = Arc::new(Flight {
            live,
            streaming: self.streams.of(cache.store(), Store::partial_key(&key.0, file), poisoned),
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

    pub(crate) fn arrivals(&self) -> Vec<Arrival> {
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
    pub(crate) async fn landed(&self) -> End {
        let mut end = self.end.clone();
        let ended = end.wait_for(Option::is_some).await.ok().and_then(|end| end.clone());
        ended.unwrap_or_else(|| Err(Error::new(ErrorKind::Interrupted, "the task that fetched the file was lost")))
    }

    /// Waits while an attempt has failed and neither another has begun nor the flight ended. False when it has failed.
    pub(crate) async fn goes_on(&self) -> bool {
        tokio::select! {
            biased;
            end = self.landed() => end.is_ok(),
            () = self.live.resumed() => true,
        }
    }

    /// Takes the mark back when what was given out was verified, or notes that it is kept to go on from.
    async fn settle(&self, end: &End) {
        let wrong = end.as_ref().is_err_and(|error| error.kind() == ErrorKind::Integrity);
        if wrong || self.live.is_discarded() {
            self.streaming.poison();
        } else if end.is_ok() {
            self.streaming.end().await;
        } else {
            self.streaming.keep().await;
        }
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
            // Before the flight is off the list: whoever comes then finds the mark as it will stay.
            self.flight.settle(&end).await;
            // Nobody joins while the list is locked.
            let mut flights = self.flights.lock();
            let others = self.flight.asking().len() > nth;
            if !others || !end.as_ref().is_err_and(is_personal) {
                flights.remove(&self.key);
                break end;
            }
        };
        self.flight.asking().clear();
        // Its lease goes before the end is published.
        drop(look);
        self.end.send_replace(Some(end));
    }

    async fn fetch(&self, cache: &Cache, look: &Look) -> End {
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
        if !self.flight.live.is_discarded() {
            self.flight.streaming.keep_at_drop();
        }
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
