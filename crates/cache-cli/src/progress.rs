//! Progress on stderr: bars on a terminal, a line a second elsewhere, nothing when quiet.

mod bars;
mod state;

use std::io::IsTerminal as _;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use cache_lib::{Event, NoProgress, Progress};

use self::bars::Bars;
use self::state::ProgressState;
use crate::output::write_stderr;

/// Time between two pictures on a terminal.
const FRAME: Duration = Duration::from_millis(120);
/// Time between two lines elsewhere.
const LINE: Duration = Duration::from_secs(1);

/// Shows progress until it is dropped.
#[derive(Debug)]
pub(crate) struct ProgressUi {
    shared: Option<Arc<Shared>>,
    drawer: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<ProgressState>,
    stop: Mutex<bool>,
    stopped: Condvar,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ProgressUi {
    pub(crate) fn start(quiet: bool) -> Self {
        if quiet {
            return Self { shared: None, drawer: None };
        }
        let shared = Arc::new(Shared {
            state: Mutex::new(ProgressState::new(Instant::now())),
            stop: Mutex::new(false),
            stopped: Condvar::new(),
        });
        let watched = Arc::clone(&shared);
        let terminal = std::io::stderr().is_terminal();
        let drawer = std::thread::Builder::new()
            .name("progress".to_owned())
            .spawn(move || if terminal { draw_bars(&watched) } else { draw_lines(&watched) });
        Self { shared: Some(shared), drawer: drawer.ok() }
    }

    /// The receiver of events of one reference; `label` names it where there are several.
    pub(crate) fn progress(&self, label: &str) -> Arc<dyn Progress> {
        match &self.shared {
            Some(shared) => {
                lock(&shared.state).resolving(label);
                Arc::new(LabeledProgress { label: label.to_owned(), shared: Arc::clone(shared) })
            }
            None => Arc::new(NoProgress),
        }
    }
}

impl Drop for ProgressUi {
    fn drop(&mut self) {
        if let Some(shared) = &self.shared {
            *lock(&shared.stop) = true;
            shared.stopped.notify_all();
        }
        if let Some(drawer) = self.drawer.take() {
            // A drawer that panicked has nothing more to show.
            let _ = drawer.join();
        }
        if let Some(shared) = &self.shared {
            lock(&shared.state).take_messages().iter().for_each(write_stderr);
        }
    }
}

impl Shared {
    /// Waits for the time of the next picture; `false` when it is over.
    fn wait(&self, span: Duration) -> bool {
        let stop = lock(&self.stop);
        let waited = self.stopped.wait_timeout_while(stop, span, |stop| !*stop);
        let (stop, _) = waited.unwrap_or_else(PoisonError::into_inner);
        !*stop
    }
}

fn draw_lines(shared: &Shared) {
    while shared.wait(LINE) {
        let (messages, line) = {
            let mut state = lock(&shared.state);
            state.tick(Instant::now());
            (state.take_messages(), state.line())
        };
        messages.iter().for_each(write_stderr);
        if let Some(line) = line {
            write_stderr(line);
        }
    }
}

fn draw_bars(shared: &Shared) {
    let mut bars = Bars::new();
    while shared.wait(FRAME) {
        let mut state = lock(&shared.state);
        state.tick(Instant::now());
        let messages = state.take_messages();
        bars.draw(&state);
        drop(state);
        bars.print(&messages);
    }
    bars.clear();
}

#[derive(Debug)]
struct LabeledProgress {
    label: String,
    shared: Arc<Shared>,
}

impl Progress for LabeledProgress {
    fn event(&self, event: &Event<'_>) {
        lock(&self.shared.state).apply(&self.label, event);
    }
}
