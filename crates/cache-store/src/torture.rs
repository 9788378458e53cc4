//! Fail points and mutants for the torture rigs. Without the feature `torture` all of it compiles to nothing.
//!
//! `MODEL_CACHE_FAILPOINT="publish.renamed=abort:3"` kills the process the third time it passes that point.
//! `MODEL_CACHE_MUTANT=no-fsync` switches one guarded step off, so that a rig can show that it would notice.

/// A guarded step that a rig can switch off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutant {
    /// Nothing is synced to the disk.
    NoFsync,
    /// A blob gets the expected name whatever its digest.
    NoDigestCheck,
    /// A lock is believed without looking whether its path still names the locked file.
    NoRecheckAfterLock,
    /// Locks are believed to work without trying them.
    BelieveLocks,
    /// The collector does not look at leases.
    IgnoreLeases,
    /// A blob gets its name before its digest was checked.
    PublishBeforeCheck,
}

#[cfg(feature = "torture")]
mod on {
    use std::collections::HashMap;
    use std::sync::{LazyLock, Mutex, PoisonError};

    use super::Mutant;

    static MUTANT: LazyLock<Option<Mutant>> =
        LazyLock::new(|| match std::env::var("MODEL_CACHE_MUTANT").ok()?.as_str() {
            "no-fsync" => Some(Mutant::NoFsync),
            "no-digest-check" => Some(Mutant::NoDigestCheck),
            "no-recheck-after-lock" => Some(Mutant::NoRecheckAfterLock),
            "believe-locks" => Some(Mutant::BelieveLocks),
            "ignore-leases" => Some(Mutant::IgnoreLeases),
            "publish-before-check" => Some(Mutant::PublishBeforeCheck),
            _ => None,
        });

    /// Name and pass at which to die.
    static FAILPOINT: LazyLock<Option<(String, u64)>> = LazyLock::new(|| {
        let text = std::env::var("MODEL_CACHE_FAILPOINT").ok()?;
        let (name, count) = text.split_once("=abort:")?;
        Some((name.to_owned(), count.parse().ok()?))
    });

    static PASSES: LazyLock<Mutex<HashMap<String, u64>>> = LazyLock::new(Mutex::default);

    pub(super) fn mutant(which: Mutant) -> bool {
        *MUTANT == Some(which)
    }

    pub(super) fn point(name: &str) {
        let Some((wanted, at)) = &*FAILPOINT else { return };
        // `*` counts every point, so that a rig can walk through all of them without knowing their names.
        if wanted != name && wanted != "*" {
            return;
        }
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
pub fn point(name: &str) {
    #[cfg(test)]
    hook::run(name);
    #[cfg(feature = "torture")]
    on::point(name);
    #[cfg(not(feature = "torture"))]
    let _ = name;
}

/// Whether a guarded step is switched off. Always false without the feature `torture`.
#[inline]
#[must_use]
pub fn mutant(which: Mutant) -> bool {
    #[cfg(feature = "torture")]
    return on::mutant(which);
    #[cfg(not(feature = "torture"))]
    {
        let _ = which;
        false
    }
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
