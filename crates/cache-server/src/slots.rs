//! [`Slots`]: the connection limit, and a reserve for health checks and the admin.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::listen::network;

/// Connections that are accepted above the limit.
const RESERVE: usize = 64;
/// Those of them for one client's address, not counting the admin's: a health check takes one at a time.
const RESERVE_PER_CLIENT: usize = 4;
/// Longest time until a reserved connection sends a request, and then idles.
pub(crate) const RESERVED_TIMEOUT: Duration = Duration::from_secs(2);

/// Places for connections.
#[derive(Debug)]
pub(crate) struct Slots {
    usual: Arc<Semaphore>,
    reserve: Arc<Reserve>,
}

/// A connection's place.
#[derive(Debug)]
#[must_use]
pub(crate) enum AcceptSlot {
    Usual {
        _permit: OwnedSemaphorePermit,
    },
    /// For what must always be answered, and nothing else.
    Reserved(Reserved),
}

/// Reserved connections that may be ended for the next one, in the order they came.
#[derive(Debug, Default)]
struct Reserve(Mutex<VecDeque<Waiting>>);

/// A reserved connection that may be ended, and its client's address.
type Waiting = (IpAddr, Arc<Notify>);

/// One place of the reserve; in the extensions of each request on it.
#[derive(Debug, Clone)]
pub(crate) struct Reserved(Arc<Place>);

#[derive(Debug)]
struct Place {
    ended: Arc<Notify>,
    reserve: Arc<Reserve>,
}

impl Slots {
    pub(crate) fn new(connections: usize) -> Self {
        Self { usual: Arc::new(Semaphore::new(connections.min(Semaphore::MAX_PERMITS))), reserve: Arc::default() }
    }

    /// A usual place, or one of the reserve when all are taken.
    pub(crate) fn take(&self, address: IpAddr) -> Option<AcceptSlot> {
        match Arc::clone(&self.usual).try_acquire_owned() {
            Ok(permit) => Some(AcceptSlot::Usual { _permit: permit }),
            Err(_) => self.reserved(address),
        }
    }

    /// A place of the reserve; `None` where the client has enough of them. When the reserve is full, the connection that
    /// has waited there for longest is ended: a flood of silent ones never keeps out one that speaks.
    pub(crate) fn reserved(&self, address: IpAddr) -> Option<AcceptSlot> {
        let (ended, client) = (Arc::new(Notify::new()), network(address));
        let mut waiting = self.reserve.lock();
        if waiting.iter().filter(|(other, _)| *other == client).count() >= RESERVE_PER_CLIENT {
            return None;
        }
        waiting.push_back((client, Arc::clone(&ended)));
        if waiting.len() > RESERVE
            && let Some((_, oldest)) = waiting.pop_front()
        {
            oldest.notify_one();
        }
        drop(waiting);
        Some(AcceptSlot::Reserved(Reserved(Arc::new(Place { ended, reserve: Arc::clone(&self.reserve) }))))
    }
}

impl AcceptSlot {
    /// The place of the reserve, if it is one.
    pub(crate) fn as_reserved(&self) -> Option<&Reserved> {
        match self {
            Self::Usual { .. } => None,
            Self::Reserved(reserved) => Some(reserved),
        }
    }
}

impl Reserved {
    /// Waits until the connection has to make room.
    pub(crate) async fn ended(&self) {
        self.0.ended.notified().await;
    }

    /// Makes no more room for others: it is the admin's.
    pub(crate) fn keep(&self) {
        self.0.reserve.forget(&self.0.ended);
    }
}

impl Reserve {
    fn forget(&self, ended: &Arc<Notify>) {
        self.lock().retain(|(_, other)| !Arc::ptr_eq(other, ended));
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Waiting>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.reserve.forget(&self.ended);
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    fn address(client: usize) -> IpAddr {
        IpAddr::from([10, 0, 0, u8::try_from(client).unwrap()])
    }

    #[test]
    fn the_oldest_silent_one_makes_room() {
        let slots = Slots::new(1);
        let take = |client: usize| slots.take(address(client)).unwrap();
        let usual = take(0);
        assert!(usual.as_reserved().is_none());
        let silent: Vec<AcceptSlot> = (0..RESERVE).map(|number| take(number / RESERVE_PER_CLIENT)).collect();
        let has_ended = |slot: &AcceptSlot| slot.as_reserved().unwrap().ended().now_or_never().is_some();
        silent[0].as_reserved().unwrap().keep();
        let next = take(100);
        assert!(!silent.iter().any(has_ended), "the admin's is not counted");
        let last = take(100);
        assert!(!has_ended(&silent[0]) && has_ended(&silent[1]) && !has_ended(&next) && !has_ended(&last));
        drop((silent, next, last));
        assert!(slots.reserve.lock().is_empty());
        drop(usual);
        assert!(take(0).as_reserved().is_none());
    }

    #[test]
    fn flood_of_one_client_ends_no_others_place() {
        let slots = Slots::new(0);
        let probe = slots.take(address(1)).unwrap();
        let flood: Vec<AcceptSlot> = (0..10_000).filter_map(|_| slots.reserved(address(2))).collect();
        assert_eq!(flood.len(), RESERVE_PER_CLIENT);
        assert!(probe.as_reserved().unwrap().ended().now_or_never().is_none());
        assert!(slots.take(address(3)).is_some());
        // The admin's are not counted.
        flood[0].as_reserved().unwrap().keep();
        let more = slots.reserved(address(2));
        assert!(more.is_some() && slots.reserved(address(2)).is_none());
        drop(flood);
        assert!(slots.reserved(address(2)).is_some());
    }
}
