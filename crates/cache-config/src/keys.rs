//! The table of all keys, the one place where each is declared: files, variables, `config show`, `config check` and the
//! reference are read from it.

mod general;
mod key;
mod network;
mod server;
mod sources;
mod store;

use std::sync::LazyLock;

pub use key::{Key, Preset, Project};

/// The parts of the table, in the order of the reference.
const PARTS: [&[Key]; 5] = [store::KEYS, network::KEYS, sources::KEYS, general::KEYS, server::KEYS];

const COUNT: usize = {
    let (mut count, mut part) = (0, 0);
    while part < PARTS.len() {
        count += PARTS[part].len();
        part += 1;
    }
    count
};

static TABLE: [Key; COUNT] = {
    let mut table = [PARTS[0][0]; COUNT];
    let (mut at, mut part) = (0, 0);
    while part < PARTS.len() {
        let mut nth = 0;
        while nth < PARTS[part].len() {
            table[at] = PARTS[part][nth];
            at += 1;
            nth += 1;
        }
        part += 1;
    }
    table
};

/// All keys, in the order of the reference.
pub static KEYS: &[Key] = &TABLE;

/// The variables that are named by section and key, in the order of [`KEYS`].
static LONG_NAMES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let name = |key: &Key| format!("MODEL_CACHE_{}", key.name.replace(['.', '-'], "_").to_ascii_uppercase());
    KEYS.iter().map(name).collect()
});

impl Key {
    /// Its own environment variables, the one that counts first in front: the one in the table, and
    /// `MODEL_CACHE_<SECTION>_<KEY>`.
    pub fn variables(&self) -> impl Iterator<Item = &'static str> + use<> {
        let position = KEYS.iter().position(|key| key.name == self.name);
        let long = position.and_then(|at| LONG_NAMES.get(at)).map(String::as_str);
        let (short, long) = (self.variable, long.filter(|long| self.variable.is_some_and(|short| short != *long)));
        short.into_iter().chain(long)
    }
}
