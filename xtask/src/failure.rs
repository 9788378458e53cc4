//! What a command of `cargo xtask` fails with.

/// What can go wrong here: a message for a person.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;
pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;
