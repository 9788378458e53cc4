//! [`Config`]: the layers resolved to one value for each key.

use std::path::Path;

use cache_lib::{CacheBuilder, Result};

use crate::entry::{ConfigEntry, default_of};
use crate::keys::{KEYS, Key};
use crate::layer::Draft;
use crate::origin::Mistake;
use crate::places::{self, ConfigFile, Found, LoadOptions};
use crate::settings::Settings;
use crate::value::Base;

/// A resolved configuration.
#[derive(Debug, Clone, Default)]
pub struct Config {
    entries: Vec<ConfigEntry>,
    settings: Settings,
    files: Vec<ConfigFile>,
    warnings: Vec<String>,
}

impl Config {
    /// Reads the layers that the options name.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](cache_lib::ErrorKind::Usage) for the first mistake, with its place and what would be right.
    pub fn load(options: &LoadOptions) -> Result<Self> {
        let (config, mistakes) = Self::inspect(options);
        match mistakes.into_iter().next() {
            Some(mistake) => Err(mistake.into()),
            None => Ok(config),
        }
    }

    /// Reads the layers that the options name, and returns all mistakes. Mistaken values are left out.
    #[must_use]
    pub fn inspect(options: &LoadOptions) -> (Self, Vec<Mistake>) {
        let mut draft = Draft::default();
        let home = options.home();
        let base = Base { folder: &options.cwd, home: home.as_deref() };
        let Found { files, mut warnings } = places::read(options, base, &mut draft);
        draft.environment(&*options.environment, base);
        warnings.extend(places::unknown_variables(options, &draft));
        for flag in &options.flags {
            draft.flag(flag.name, flag.key, &flag.text, base);
        }
        let (config, mistakes) = Self::from_draft(draft);
        (Self { files, warnings, ..config }, mistakes)
    }

    /// Reads the text of one file as the only layer, and returns all mistakes: for checks and fuzzing. `home` is what
    /// `~/` stands for, and only a `trusted` file may set every key.
    #[must_use]
    pub fn parse(path: &Path, text: &str, home: Option<&Path>, trusted: bool) -> (Self, Vec<Mistake>) {
        let mut draft = Draft::default();
        draft.file(path, text, home, trusted);
        Self::from_draft(draft)
    }

    fn from_draft(draft: Draft) -> (Self, Vec<Mistake>) {
        let mut config = Self { entries: draft.entries.into_values().collect(), ..Self::default() };
        for entry in config.entries.iter().filter(|entry| !entry.is_hubs_own()) {
            (entry.key.put)(&mut config.settings, entry.item.as_deref().unwrap_or_default(), &entry.value);
        }
        // A mirror of which only mistakes are left is none.
        config.settings.mirrors.retain(|_, mirror| !mirror.url.is_empty());
        (config, draft.mistakes)
    }

    /// A builder for a cache with these settings, and nothing else of the environment.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](cache_lib::ErrorKind::Usage) for a mirror that is no address, or whose token cannot be read.
    pub fn cache_builder(&self) -> Result<CacheBuilder> {
        self.settings.cache_builder()
    }

    /// The typed values.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What was set, in the order of [`KEYS`].
    #[must_use]
    pub fn entries(&self) -> &[ConfigEntry] {
        &self.entries
    }

    /// All keys with what is in force: those that were set, and the defaults of the others that need no name. A key
    /// whose default is no value has `None`.
    pub fn all(&self) -> impl Iterator<Item = (&'static Key, Option<ConfigEntry>)> + '_ {
        KEYS.iter().flat_map(|key| {
            let set: Vec<_> = self.entries.iter().filter(|entry| entry.key.name == key.name).collect();
            let rows: Vec<_> = match set[..] {
                [] if key.has_item() => Vec::new(),
                [] => vec![(key, default_of(key))],
                _ => set.into_iter().map(|entry| (key, Some(entry.clone()))).collect(),
            };
            rows
        })
    }

    /// The files that were looked for.
    #[must_use]
    pub fn files(&self) -> &[ConfigFile] {
        &self.files
    }

    /// What the user should know, such as a file that was not read.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

/// Reads the user's and the project's file and the environment, as the command does.
///
/// # Errors
/// [`ErrorKind::Usage`](cache_lib::ErrorKind::Usage) for the first mistake in them.
pub fn load() -> Result<Config> {
    Config::load(&LoadOptions::default())
}
