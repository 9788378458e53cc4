//! [`CountingAllocator`]: what a test binary allocates at its worst moment.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The system's allocator, counted. To be the `#[global_allocator]` of a test binary.
#[derive(Debug)]
pub struct CountingAllocator {
    now: AtomicUsize,
    peak: AtomicUsize,
    /// Tests that run in one process take turns.
    turn: Mutex<()>,
}

// SAFETY: every call goes to the system's allocator as it came.
#[expect(unsafe_code, reason = "an allocator that counts")]
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = self.now.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        self.peak.fetch_max(now, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        self.now.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(memory, layout) }
    }
}

impl CountingAllocator {
    /// An allocator that has counted nothing.
    #[expect(clippy::new_without_default, reason = "a static needs a const function")]
    #[must_use]
    pub const fn new() -> Self {
        Self { now: AtomicUsize::new(0), peak: AtomicUsize::new(0), turn: Mutex::new(()) }
    }

    /// Measures from now on, alone among the tests of this process.
    pub fn measure(&'static self) -> Peak {
        let turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.now.load(Ordering::Relaxed);
        self.peak.store(before, Ordering::Relaxed);
        Peak { allocator: self, before, _turn: turn }
    }
}

/// A measurement of allocated bytes.
#[derive(Debug)]
pub struct Peak {
    allocator: &'static CountingAllocator,
    before: usize,
    _turn: MutexGuard<'static, ()>,
}

impl Peak {
    /// Bytes taken at the worst moment since it began.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.allocator.peak.load(Ordering::Relaxed).saturating_sub(self.before)
    }

    /// Bytes taken now and not when it began.
    #[must_use]
    pub fn kept(&self) -> usize {
        self.allocator.now.load(Ordering::Relaxed).saturating_sub(self.before)
    }
}
