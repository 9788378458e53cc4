//! I/O of dropped guards, kept off threads that must not wait for the file system.

use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Work of a dropped guard.
type Work = Box<dyn FnOnce() + Send>;

/// Runs work on another thread, or drops it: dropped work runs in place.
pub type Spawn = fn(Box<dyn FnOnce() + Send>);

/// The queue of one store: however many guards are dropped, they occupy one thread.
pub(crate) struct Background {
    spawn: Option<Spawn>,
    work: Arc<Backlog>,
}

#[derive(Default)]
struct Backlog {
    queue: Mutex<Queue>,
    /// Held while one piece of work runs.
    running: Mutex<()>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Work>,
    draining: bool,
}

impl Backlog {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs the next piece of work; false when there is none.
    fn step(&self) -> bool {
        let _one_at_a_time = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(work) = self.queue().waiting.pop_front() else { return false };
        if catch_unwind(AssertUnwindSafe(work)).is_err() {
            tracing::error!("the cleanup of a dropped guard panicked");
        }
        true
    }
}

impl Background {
    pub(crate) fn new(spawn: Option<Spawn>) -> Self {
        Self { spawn, work: Arc::default() }
    }

    /// Runs the I/O of a dropped guard: in the background if the options name one, else here.
    pub(crate) fn run(&self, work: impl FnOnce() + Send + 'static) {
        let Some(spawn) = self.spawn else { return work() };
        {
            let mut queue = self.work.queue();
            queue.waiting.push_back(Box::new(work));
            if std::mem::replace(&mut queue.draining, true) {
                return;
            }
        }
        let drain = Drain(Arc::clone(&self.work));
        spawn(Box::new(move || drop(drain)));
    }

    /// Waits for the guards that this process has dropped so far.
    pub(crate) fn settle(&self) {
        if std::mem::replace(&mut self.work.queue().draining, true) {
            // Another thread empties the queue: what it has taken out already ends before the first step here.
            while self.work.step() {}
        } else {
            drop(Drain(Arc::clone(&self.work)));
        }
    }
}

/// Empties the queue on drop, so that work refused by an ended runtime is not lost.
struct Drain(Arc<Backlog>);

impl Drop for Drain {
    fn drop(&mut self) {
        loop {
            while self.0.step() {}
            let mut queue = self.0.queue();
            if queue.waiting.is_empty() {
                queue.draining = false;
                return;
            }
        }
    }
}

impl fmt::Debug for Background {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Background").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use super::*;

    fn on_a_thread(work: Box<dyn FnOnce() + Send>) {
        drop(std::thread::spawn(work));
    }

    #[test]
    fn a_hung_cleanup_blocks_no_dropping_thread() {
        let background = Background::new(Some(on_a_thread));
        let (hang, release) = mpsc::channel::<()>();
        let done = Arc::new(AtomicUsize::new(0));
        background.run(move || {
            let _ = release.recv();
        });
        for _ in 0..100 {
            let done = Arc::clone(&done);
            background.run(move || {
                done.fetch_add(1, Ordering::SeqCst);
            });
        }
        assert_eq!(done.load(Ordering::SeqCst), 0);
        drop(hang);
        background.settle();
        assert_eq!(done.load(Ordering::SeqCst), 100);
    }

    #[test]
    fn work_may_drop_further_guards() {
        let spawns: [Spawn; 3] = [on_a_thread, drop, |work| work()];
        for spawn in spawns {
            let background = Arc::new(Background::new(Some(spawn)));
            let done = Arc::new(AtomicUsize::new(0));
            let (inner, counted) = (Arc::clone(&background), Arc::clone(&done));
            background.run(move || {
                inner.run(move || {
                    counted.fetch_add(1, Ordering::SeqCst);
                });
            });
            background.settle();
            assert_eq!(done.load(Ordering::SeqCst), 1);
        }
    }

    #[test]
    fn work_refused_by_a_runtime_runs_in_place() {
        let background = Background::new(Some(drop));
        let done = Arc::new(AtomicUsize::new(0));
        for _ in 0..2 {
            let done = Arc::clone(&done);
            background.run(move || {
                done.fetch_add(1, Ordering::SeqCst);
            });
        }
        assert_eq!(done.load(Ordering::SeqCst), 2);
    }
}
