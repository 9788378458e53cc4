//! Leaders, waiters, and leaders that stand still.

use cache_core::ErrorKind;

use super::*;
use crate::StoreOptions;

fn leader(store: &Store, key: &PartialKey) -> LeaderGuard {
    match store.try_flight(key).unwrap() {
        Flight::Leader(guard) => guard,
        Flight::Busy(status) => panic!("busy: {status:?}"),
    }
}

fn busy(store: &Store, key: &PartialKey) -> FlightStatus {
    match store.try_flight(key).unwrap() {
        Flight::Leader(_) => panic!("nobody leads"),
        Flight::Busy(status) => status,
    }
}

#[test]
fn one_leads_and_the_others_see_how_far_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), StoreOptions::default()).unwrap();
    let key = PartialKey::for_tests("a");
    let mut guard = leader(&store, &key);
    guard.progress(5, Some(10));
    let status = busy(&store, &key);
    assert_eq!((status.done, status.total, status.generation.as_str()), (5, Some(10), guard.generation()));
    drop(guard);
    assert!(store.flight_status(&key).unwrap().is_none());
    drop(leader(&store, &key));
    assert_eq!(fs::read_dir(store.layout().locks()).unwrap().count(), 1, "only the self-test stays");
}

#[test]
fn failure_reaches_all_waiters() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), StoreOptions::default()).unwrap();
    let key = PartialKey::for_tests("a");
    let mut guard = leader(&store, &key);
    guard.progress(0, None);
    let waited_for = busy(&store, &key).generation;
    guard.fail(&Error::new(ErrorKind::Network, "x".repeat(2000)));
    assert_eq!(store.flight_status(&key).unwrap().unwrap().ended.unwrap().unwrap_err().kind(), ErrorKind::Network);
    for _ in 0..2 {
        let guard = leader(&store, &key);
        assert_eq!(guard.previous_outcome().unwrap().0, waited_for);
        assert_eq!(busy(&store, &key).before.unwrap().0, waited_for);
        guard.withdraw();
    }
    drop(leader(&store, &key));
    assert!(store.flight_status(&key).unwrap().is_none());
}

#[test]
fn invalid_status_is_ignored() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), StoreOptions::default()).unwrap();
    let key = PartialKey::for_tests("a");
    let mut guard = leader(&store, &key);
    guard.progress(0, None);
    let path = store.layout().flight_status(&key);
    let whole = fs::read(&path).unwrap();
    for nonsense in [&b""[..], b"{}", &whole[..40], b"null"] {
        fs::write(&path, nonsense).unwrap();
        assert!(store.flight_status(&key).unwrap().is_none());
        assert!(busy(&store, &key).generation.is_empty());
    }
    guard.progress(u64::MAX, Some(u64::MAX));
    assert_eq!(busy(&store, &key).done, u64::MAX);
}

#[test]
fn status_is_readable_while_the_leader_changes() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), StoreOptions::default()).unwrap();
    let key = PartialKey::for_tests("a");
    // Longer and shorter ones take turns.
    let errors = [2000, 10, 900].map(|length| Error::new(ErrorKind::Network, "x".repeat(length)));
    let first = leader(&store, &key);
    let mut followed = first.generation().to_owned();
    first.fail(&errors[0]);
    for error in errors.iter().cycle().take(10) {
        for at in ["flight.locked", "write.temp", "rename.done"] {
            let (reader, wanted, followed) = (store.clone(), key.clone(), followed.clone());
            crate::fs::failpoints::hook::at(at, move || {
                let seen = busy(&reader, &wanted);
                let before = seen.before.map(|(generation, _)| generation);
                assert!(seen.generation == followed || before == Some(followed), "{at}");
            });
            leader(&store, &key).withdraw();
        }
        let mut guard = leader(&store, &key);
        guard.progress(1 << 40, Some(1 << 50));
        assert_eq!((busy(&store, &key).done, busy(&store, &key).before.unwrap().0), (1 << 40, followed));
        followed = guard.generation().to_owned();
        guard.fail(error);
    }
}

#[test]
fn flights_without_locks_all_lead() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), StoreOptions::default().with_broken_locks(true)).unwrap();
    let key = PartialKey::for_tests("a");
    let (_a, _b) = (leader(&store, &key), leader(&store, &key));
}

#[test]
fn many_threads_have_one_leader_at_a_time() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    let dir = tempfile::tempdir().unwrap();
    let key = PartialKey::for_tests("a");
    let leading = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let store = Store::open(dir.path(), StoreOptions::default()).unwrap();
                for _ in 0..200 {
                    if let Flight::Leader(_guard) = store.try_flight(&key).unwrap() {
                        assert_eq!(leading.fetch_add(1, Ordering::SeqCst), 0);
                        leading.fetch_sub(1, Ordering::SeqCst);
                    }
                }
            });
        }
    });
}

#[test]
fn leader_without_an_outcome_writes_no_status() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), StoreOptions::default()).unwrap();
    let key = PartialKey::for_tests("a");
    let guard = leader(&store, &key);
    assert!(store.flight_status(&key).unwrap().is_none());
    assert!(busy(&store, &key).generation.is_empty());
    drop(guard);
    leader(&store, &key).beat();
}

#[test]
fn stalled_leader_is_overtaken_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), StoreOptions::default()).unwrap();
    let key = PartialKey::for_tests("a");
    for spoke in [true, false] {
        let mut stopped = leader(&store, &key);
        if spoke {
            stopped.progress(5, Some(10));
        }
        let seen = busy(&store, &key);
        assert!(busy(&store, &key).is_stalled_since(&seen));
        let Flight::Leader(mut next) = store.overtake_flight(&key, &seen).unwrap() else { panic!("not overtaken") };
        // Another that has waited for the stopped one comes too late.
        assert!(matches!(store.overtake_flight(&key, &seen).unwrap(), Flight::Busy(_)));
        // The stopped one goes on and ends: nothing of the new leader's goes.
        assert!(!stopped.beat());
        stopped.progress(u64::MAX, Some(u64::MAX));
        stopped.fail(&Error::new(ErrorKind::Network, "x".repeat(2000)));
        next.progress(7, Some(10));
        let status = busy(&store, &key);
        assert_eq!((status.done, status.generation.as_str()), (7, next.generation()));
        assert!(next.beat() && status.before.is_none());
        drop(next);
        assert_eq!(fs::read_dir(store.layout().locks()).unwrap().count(), 1, "only the self-test stays");
        assert_eq!(fs::read_dir(store.layout().partials()).unwrap().count(), 0);
    }
}

#[test]
fn moving_leader_is_not_overtaken() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), StoreOptions::default()).unwrap();
    let key = PartialKey::for_tests("a");
    let mut guard = leader(&store, &key);
    let steps: [fn(&mut LeaderGuard); 2] = [|guard| guard.progress(1, None), |guard| assert!(guard.beat())];
    for step in steps {
        let seen = busy(&store, &key);
        step(&mut guard);
        assert!(matches!(store.overtake_flight(&key, &seen).unwrap(), Flight::Busy(_)));
    }
    let seen = busy(&store, &key);
    drop(guard);
    // It has left: there is nothing to overtake, and the next one leads as usual.
    drop(store.overtake_flight(&key, &seen).unwrap());
    drop(leader(&store, &key));
}

#[test]
fn of_two_overtaking_waiters_one_leads() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), StoreOptions::default()).unwrap();
    let key = PartialKey::for_tests("a");
    let stopped = leader(&store, &key);
    let seen = busy(&store, &key);
    let (rival, rivals) = (std::rc::Rc::new(std::cell::RefCell::new(None)), store.clone());
    let (won, wanted, saw) = (std::rc::Rc::clone(&rival), key.clone(), seen.clone());
    crate::fs::failpoints::hook::at("flight.overtaking", move || {
        *won.borrow_mut() = Some(rivals.overtake_flight(&wanted, &saw).unwrap());
    });
    assert!(matches!(store.overtake_flight(&key, &seen).unwrap(), Flight::Busy(_)));
    let Some(Flight::Leader(mut next)) = rival.take() else { panic!("neither leads") };
    assert!(next.beat());
    drop(stopped);
    assert!(matches!(store.try_flight(&key).unwrap(), Flight::Busy(_)));
}

#[test]
fn full_disk_keeps_nobody_from_leading() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), StoreOptions::default()).unwrap();
    let key = PartialKey::for_tests("a");
    leader(&store, &key).fail(&Error::new(ErrorKind::Network, "reset"));
    durable::at_next_write(|| Err(io::ErrorKind::StorageFull.into()));
    let mut guard = leader(&store, &key);
    assert!(store.flight_status(&key).unwrap().is_none(), "that of the one before would be taken for ours");
    guard.progress(5, Some(10));
    assert_eq!(busy(&store, &key).done, 5, "there is room again");
}
