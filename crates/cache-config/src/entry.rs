//! [`ConfigEntry`]: one key with its value and origin.

use cache_lib::options::{CacheOptions, TokenRef};
use cache_lib::redact_text;
use serde_json::json;

use crate::keys::{Key, Preset};
use crate::origin::{ValueOrigin, written};
use crate::value::{Base, Value};

/// One key with its value.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ConfigEntry {
    /// The key.
    pub key: &'static Key,
    /// The name that the user chose, for the keys that have one.
    pub item: Option<String>,
    /// The value.
    pub value: Value,
    /// The value as it was written. Of a token, where it is.
    pub shown: String,
    /// Where it comes from.
    pub origin: ValueOrigin,
}

impl ConfigEntry {
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
    pub(crate) fn is_hubs_own(&self) -> bool {
        let foreign = |name: &str| self.key.also.contains(&name);
        self.key.section() == "hub" && matches!(self.origin, ValueOrigin::Environment { name } if foreign(name))
    }
}

/// The default of a key, as an entry.
pub(crate) fn default_of(key: &'static Key) -> Option<ConfigEntry> {
    let (value, shown) = match key.preset {
        Preset::Is(text) => (key.kind.of_text(text, Base { folder: "".as_ref(), home: None }).ok()?, text.to_owned()),
        Preset::Unset(_) if key.name == "store.dir" => {
            let dir = CacheOptions::platform_root().ok()?;
            (Value::Path(dir.clone()), dir.display().to_string())
        }
        Preset::Unset(_) => return None,
    };
    Some(ConfigEntry { key, item: None, value, shown, origin: ValueOrigin::Default })
}
