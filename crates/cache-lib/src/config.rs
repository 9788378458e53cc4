//! Configuration: files, environment and flags, in rising precedence, with the origin of every value.
//!
//! 1. defaults
//! 2. the user's file: `config.toml` (or `config.json`) in `model-cache` in the platform's configuration folder
//! 3. the project's file: `model-cache.toml` (or `model-cache.json`) in the working folder
//! 4. the environment: `MODEL_CACHE_*`, and below it the variables of Hugging Face programs
//! 5. flags
//!
//! A file that is named, by `--config` or `MODEL_CACHE_CONFIG`, replaces both files. All keys are in [`KEYS`].
//!
//! # Whom the project's file may bind
//! A working folder may have come from anywhere: cloned, unpacked, shared. Who owns its files says nothing about who
//! wrote them. Therefore its file may say how much and how fast, and be stricter, but not where the store is, what is
//! deleted from it, where requests go, whom to trust, or where a token is: those are mistakes in it. Folders that the
//! user names in `project.trust` may set everything. The file of another user, or one that others can write, is not
//! read at all, and a warning says so.

mod apply;
mod keys;
mod layer;
mod node;
mod origin;
mod places;
mod reference;
mod settings;
mod token;
mod value;

use std::path::PathBuf;

use serde_json::json;

pub use keys::{KEYS, Key, Preset, Project};
pub use origin::{Mistake, Origin};
pub use places::{LoadOptions, Looked, Role};
pub use reference::{example, reference};
pub use settings::{
    AzureSettings, DigestPolicy, GcsSettings, HostSettings, HubSettings, LogFormat, LogSettings, MirrorSettings,
    ModelSettings, NetworkSettings, Policy, ProjectSettings, Proxy, S3Settings, ServerSettings, Settings,
    StoreSettings, TransferSettings, UserSettings, VerifySettings,
};
pub use token::TokenRef;
pub use value::{Kind, Value};

use crate::{Result, redact_text};
use layer::Draft;
use origin::written;
use value::Base;

/// A resolved configuration.
#[derive(Debug, Clone, Default)]
pub struct Config {
    entries: Vec<Entry>,
    settings: Settings,
    files: Vec<Looked>,
    warnings: Vec<String>,
}

/// One key with its value.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Entry {
    /// The key.
    pub key: &'static Key,
    /// The name that the user chose, for the keys that have one.
    pub item: Option<String>,
    /// The value.
    pub value: Value,
    /// The value as it was written. Of a token, where it is.
    pub shown: String,
    /// Where it comes from.
    pub origin: Origin,
}

impl Entry {
    /// The key's full name, as it could be written in a file.
    #[must_use]
    pub fn name(&self) -> String {
        match &self.item {
            Some(item) => self.key.name.replacen('*', &written(item), 1),
            None => self.key.name.to_owned(),
        }
    }

    /// The value for programs: bytes and seconds as numbers; of a token, where it is and whether something is there.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        match &self.value {
            Value::Flag(flag) => json!(flag),
            Value::Number(number) => json!(number),
            Value::Bytes(bytes) => json!(bytes),
            Value::Age(age) => json!(age.as_secs()),
            Value::Text(text) => json!(redact_text(text)),
            Value::Path(path) => json!(path),
            Value::Address(url) => json!(url),
            Value::Word(word) => json!(word),
            Value::Texts(texts) => json!(texts.iter().map(|text| redact_text(text)).collect::<Vec<_>>()),
            Value::Folders(folders) => json!(folders),
            Value::Token(token @ TokenRef::Env(name)) => json!({ "env": name, "set": token.is_set() }),
            Value::Token(token @ TokenRef::File(path)) => json!({ "file": path, "set": token.is_set() }),
        }
    }

    /// Whether `cache-hf` reads the variable itself, with the rules of Hugging Face programs.
    fn is_hubs_own(&self) -> bool {
        let foreign = |name: &str| self.key.also.contains(&name);
        self.key.section() == "hub" && matches!(self.origin, Origin::Environment { name } if foreign(name))
    }
}

impl Config {
    /// Reads the layers that the options name.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::ErrorKind::Usage) for the first mistake, with its place and what would be right.
    pub fn load(options: &LoadOptions) -> Result<Self> {
        let (config, mistakes) = Self::inspect(options);
        match mistakes.into_iter().next() {
            Some(mistake) => Err(mistake.into()),
            None => Ok(config),
        }
    }

    /// Reads the layers that the options name, and tells all mistakes. What is mistaken is left out.
    #[must_use]
    pub fn inspect(options: &LoadOptions) -> (Self, Vec<Mistake>) {
        let mut draft = Draft::default();
        let mut config = Self::default();
        let home = options.home();
        let base = Base { folder: &options.cwd, home: home.as_deref() };
        places::read(options, base, &mut draft, &mut config);
        draft.environment(&*options.environment, base);
        config.warnings.extend(places::unknown_variables(options, &draft));
        for flag in &options.flags {
            draft.flag(flag.name, flag.key, &flag.text, base);
        }
        config.entries = draft.entries.into_values().collect();
        for entry in config.entries.iter().filter(|entry| !entry.is_hubs_own()) {
            (entry.key.put)(&mut config.settings, entry.item.as_deref().unwrap_or_default(), &entry.value);
        }
        // A mirror of which only mistakes are left is none.
        config.settings.mirrors.retain(|_, mirror| !mirror.url.is_empty());
        (config, draft.mistakes)
    }

    /// The typed values.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What was set, in the order of [`KEYS`].
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// All keys with what is in force: those that were set, and the defaults of the others that need no name. A key
    /// whose default is no value has `None`.
    pub fn all(&self) -> impl Iterator<Item = (&'static Key, Option<Entry>)> + '_ {
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
    pub fn files(&self) -> &[Looked] {
        &self.files
    }

    /// What the user should know, such as a file that was not read.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

fn default_of(key: &'static Key) -> Option<Entry> {
    let (value, shown) = match key.preset {
        Preset::Is(text) => (key.kind.of_text(text, Base { folder: "".as_ref(), home: None }).ok()?, text.to_owned()),
        Preset::Unset(_) if key.name == "store.dir" => {
            let dir: PathBuf = crate::env::platform_root().ok()?;
            (Value::Path(dir.clone()), dir.display().to_string())
        }
        Preset::Unset(_) => return None,
    };
    Some(Entry { key, item: None, value, shown, origin: Origin::Default })
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
