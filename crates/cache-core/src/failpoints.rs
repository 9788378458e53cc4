//! Mutants: guarded steps that a torture rig switches off, to show that it would notice. Nothing of it is in a build
//! without the feature `torture`.

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
    /// A leader that stands still leads for ever.
    NoLeaderTimeout,
    /// A partial that is still being synced does not keep the right to fetch it.
    JournalKeepsLock,
    /// Every caller leads: one file is fetched as often as it is asked for.
    NoSingleFlight,
    /// A get leases its files when all have arrived, and stores the manifest then.
    LateLease,
    /// A file without digest and validator is resumed.
    ResumeWithoutValidator,
    /// Time spent waiting for a rate limit counts as silence, and steady connections are raced.
    RaceThrottled,
    /// A client may go on with bytes of a transfer that failed.
    ResumeAfterFailure,
    /// The last known answer is given out only when the question behind it has ended.
    NoStaleAnswers,
    /// Unknown names are asked for upstream without a pace.
    NoPacing,
    /// A path may have any number of segments and bytes.
    NoPathLimits,
}

/// Whether a guarded step is switched off: the one that `MODEL_CACHE_MUTANT` names. Never without the feature `torture`.
#[cfg(not(feature = "torture"))]
#[inline]
#[must_use]
pub const fn mutant(_: Mutant) -> bool {
    false
}

/// Whether a guarded step is switched off: the one that `MODEL_CACHE_MUTANT` names.
#[cfg(feature = "torture")]
#[must_use]
pub fn mutant(which: Mutant) -> bool {
    *on::MUTANT == Some(which)
}

#[cfg(feature = "torture")]
mod on {
    use std::sync::LazyLock;

    use super::Mutant;

    pub(super) static MUTANT: LazyLock<Option<Mutant>> = LazyLock::new(|| {
        let name = std::env::var("MODEL_CACHE_MUTANT").ok()?;
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, mutant)| *mutant)
    });

    const NAMES: [(&str, Mutant); 16] = [
        ("no-fsync", Mutant::NoFsync),
        ("no-digest-check", Mutant::NoDigestCheck),
        ("no-recheck-after-lock", Mutant::NoRecheckAfterLock),
        ("believe-locks", Mutant::BelieveLocks),
        ("ignore-leases", Mutant::IgnoreLeases),
        ("publish-before-check", Mutant::PublishBeforeCheck),
        ("no-leader-timeout", Mutant::NoLeaderTimeout),
        ("journal-keeps-lock", Mutant::JournalKeepsLock),
        ("no-single-flight", Mutant::NoSingleFlight),
        ("late-lease", Mutant::LateLease),
        ("resume-without-validator", Mutant::ResumeWithoutValidator),
        ("race-throttled", Mutant::RaceThrottled),
        ("resume-after-failure", Mutant::ResumeAfterFailure),
        ("no-stale-answers", Mutant::NoStaleAnswers),
        ("no-pacing", Mutant::NoPacing),
        ("no-path-limits", Mutant::NoPathLimits),
    ];
}

#[cfg(all(test, not(feature = "torture")))]
mod tests {
    use super::*;

    #[test]
    fn mutants_are_not_in_a_usual_build() {
        const { assert!(!mutant(Mutant::NoDigestCheck)) };
    }
}
