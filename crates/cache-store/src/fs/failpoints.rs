//! Fail points for the torture rigs, and the mutants of `cache_core`. Without the feature `torture` all of it compiles
//! to nothing.
//!
//! `MODEL_CACHE_FAILPOINT="publish.renamed=abort:3"` kills the process the third time it passes that point,
//! `"sync.data=pause:500"` holds each thread that passes it for 500 ms.

pub(crate) use cache_core::failpoints::{Mutant, mutant};

#[cfg(feature = "torture")]
mod on {
    use std::collections::HashMap;
    use std::sync::{LazyLock, Mutex, PoisonError};
    use std::time::Duration;

    /// What happens at a point.
    #[derive(Debug, Clone, Copy)]
    enum Action {
        /// The process dies at this pass.
        Abort(u64),
        /// The thread sleeps at every pass, as over a slow disk.
        Pause(Duration),
    }

    static FAILPOINT: LazyLock<Option<(String, Action)>> = LazyLock::new(|| {
        let text = std::env::var("MODEL_CACHE_FAILPOINT").ok()?;
        let (name, action) = text.split_once('=')?;
        let (kind, number) = action.split_once(':')?;
        let number: u64 = number.parse().ok()?;
        let action = match kind {
            "abort" => Action::Abort(number),
            "pause" => Action::Pause(Duration::from_millis(number)),
            _ => return None,
        };
        Some((name.to_owned(), action))
    });

    static PASSES: LazyLock<Mutex<HashMap<String, u64>>> = LazyLock::new(Mutex::default);

    pub(super) fn point(name: &str) {
        let Some((wanted, action)) = &*FAILPOINT else { return };
        // `*` counts every point, so that a rig can walk through all of them without knowing their names.
        if wanted != name && wanted != "*" {
            return;
        }
        let at = match action {
            Action::Abort(at) => at,
            Action::Pause(time) => return std::thread::sleep(*time),
        };
        let mut passes = PASSES.lock().unwrap_or_else(PoisonError::into_inner);
        let pass = passes.entry(wanted.clone()).or_default();
        *pass += 1;
        if *pass == *at {
            // SIGKILL, not abort(): no handler, no unwinding, no flushing, as from outside.
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        }
    }
}

/// Passes a named step at which a rig may kill the process.
#[inline]
pub(crate) fn point(name: &str) {
    #[cfg(test)]
    hook::run(name);
    #[cfg(feature = "torture")]
    on::point(name);
    #[cfg(not(feature = "torture"))]
    let _ = name;
}

/// What a test does at a named step of its thread.
#[cfg(test)]
pub(crate) mod hook {
    use std::cell::RefCell;

    type Hook = Box<dyn FnOnce()>;

    thread_local! {
        static HOOK: RefCell<Option<(&'static str, Hook)>> = const { RefCell::new(None) };
    }

    /// Runs something once, when this thread passes the point next. A panic there is as good as a kill.
    pub(crate) fn at(name: &'static str, hook: impl FnOnce() + 'static) {
        HOOK.set(Some((name, Box::new(hook))));
    }

    pub(super) fn run(name: &str) {
        if HOOK.with_borrow(|hook| hook.as_ref().is_some_and(|(at, _)| *at == name))
            && let Some((_, hook)) = HOOK.take()
        {
            hook();
        }
    }
}
