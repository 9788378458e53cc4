//! The layers: what each of them sets, and the mistakes found on the way.

use std::collections::BTreeMap;
use std::path::Path;

use cache_lib::options::TokenRef;
use cache_lib::{redact_text, truthy};

use crate::entry::ConfigEntry;
use crate::keys::{KEYS, Key, Project};
use crate::node::{self, Member, Node, Shape};
use crate::origin::{Mistake, ValueOrigin, nearest, nearest_section, written};
use crate::value::{Base, Kind, Value};

/// Position in the table of keys, and the name that the user chose.
pub(crate) type Slot = (usize, Option<String>);

/// What the layers have set so far.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    pub(crate) entries: BTreeMap<Slot, ConfigEntry>,
    pub(crate) mistakes: Vec<Mistake>,
}

/// One file on its way into a draft.
struct File<'a> {
    path: &'a Path,
    text: &'a str,
    base: Base<'a>,
    /// Whether it may set every key.
    trusted: bool,
}

impl Draft {
    /// Reads a file. `trusted`: it may set every key.
    pub(crate) fn file(&mut self, path: &Path, text: &str, home: Option<&Path>, trusted: bool) {
        let base = Base { folder: path.parent().unwrap_or(Path::new(".")), home };
        let file = File { path, text, base, trusted };
        let json = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
        let before = self.mistakes.len();
        match if json { node::json(text) } else { node::toml(text) } {
            Ok(members) => members.iter().for_each(|member| self.section(&file, member)),
            Err(errors) => self.mistakes.extend(errors.into_iter().map(|error| Mistake {
                place: file.place(error.at),
                key: None,
                message: error.message,
                hint: format!("fix the {} syntax", if json { "JSON" } else { "TOML" }),
            })),
        }
        self.mistakes[before..].sort_by(|a, b| a.place.cmp(&b.place));
    }

    fn section(&mut self, file: &File<'_>, member: &Member) {
        let name = member.name.as_str();
        let known = KEYS.iter().find(|key| key.section() == name);
        match (known, &member.node.shape) {
            (Some(key), Shape::Table(items)) if key.has_item() => {
                for item in items {
                    match &item.node.shape {
                        Shape::Table(members) => {
                            self.members(file, &[name, &item.name], members);
                            self.complete(file, name, item);
                        }
                        other => self.mistakes.push(file.mistake(
                            item.at,
                            &[name, &item.name],
                            format!("expected a table, got {}", other.name()),
                            format!("write [{name}.{}] and its keys below", written(&item.name)),
                        )),
                    }
                }
            }
            (Some(_), Shape::Table(members)) => self.members(file, &[name], members),
            (Some(_), other) => self.mistakes.push(file.mistake(
                member.at,
                &[name],
                format!("expected a table, got {}", other.name()),
                format!("write [{name}] and its keys below"),
            )),
            (None, Shape::Table(_)) => self.mistakes.push(file.mistake(
                member.at,
                &[name],
                "unknown section".to_owned(),
                match nearest_section(name) {
                    Some(section) => format!("did you mean `{section}`?"),
                    None => "run `model-cache config show` for all keys".to_owned(),
                },
            )),
            (None, _) => self.unknown(file, &[name], member.at),
        }
    }

    fn members(&mut self, file: &File<'_>, parts: &[&str], members: &[Member]) {
        for member in members {
            let leaf = member.name.as_str();
            let parts = &[parts, &[leaf]].concat()[..];
            let found = KEYS.iter().enumerate().find(|(_, key)| match parts {
                [section, leaf] => !key.has_item() && key.section() == *section && key.leaf() == *leaf,
                [section, _, leaf] => key.has_item() && key.section() == *section && key.leaf() == *leaf,
                _ => false,
            });
            let Some((at, key)) = found else {
                self.unknown(file, parts, member.at);
                continue;
            };
            let item = (parts.len() == 3).then(|| parts[1].to_owned());
            match file.read(key, &member.node) {
                Ok(value) => {
                    let shown = file.shown(&value, &member.node);
                    let origin = file.place(member.at);
                    self.entries.insert((at, item.clone()), ConfigEntry { key, item, value, shown, origin });
                }
                Err((message, hint)) => {
                    self.mistakes.push(file.mistake(member.node.span.start, parts, message, hint));
                }
            }
        }
    }

    /// A mirror without an address is one that was forgotten.
    fn complete(&mut self, file: &File<'_>, section: &str, item: &Member) {
        let Some(at) = KEYS.iter().position(|key| key.section() == section && key.leaf() == "url") else { return };
        let told = self.mistakes.iter().any(|mistake| mistake.key.as_ref().is_some_and(|key| key.ends_with(".url")));
        if !self.entries.contains_key(&(at, Some(item.name.clone()))) && !told && file.trusted {
            let message = "it has no address".to_owned();
            let hint = format!("add url = {}", KEYS[at].example);
            self.mistakes.push(file.mistake(item.at, &[section, &item.name], message, hint));
        }
    }

    fn unknown(&mut self, file: &File<'_>, parts: &[&str], at: usize) {
        let hint = match nearest(parts) {
            Some(key) => format!("did you mean `{}`?", key.name),
            None => "run `model-cache config show` for all keys".to_owned(),
        };
        self.mistakes.push(file.mistake(at, parts, "unknown key".to_owned(), hint));
    }

    /// Reads the variables of all keys.
    pub(crate) fn environment(&mut self, get: &dyn Fn(&str) -> Option<String>, base: Base<'_>) {
        let disabled = get("HF_HUB_DISABLE_IMPLICIT_TOKEN").is_some_and(|text| truthy(&text));
        for (at, key) in KEYS.iter().enumerate() {
            let own = key.variables().map(|name| (name, true));
            let names = own.chain(key.also.iter().map(|name| (*name, false)));
            let set = |name: &str| get(name).filter(|text| !text.trim().is_empty());
            let Some((name, own, text)) = names
                .filter(|(_, own)| *own || key.kind != Kind::Token || !disabled)
                .find_map(|(name, own)| Some((name, own, set(name)?)))
            else {
                continue;
            };
            let value = match key.kind {
                Kind::Token if name.ends_with("_PATH") => Ok(Value::Token(TokenRef::File(text.trim().into()))),
                Kind::Token => Ok(Value::Token(TokenRef::Env(name.to_owned()))),
                // huggingface_hub takes what is not yes for no.
                Kind::Flag if !own => Ok(Value::Flag(truthy(&text))),
                kind => kind.of_text(&text, base),
            };
            let origin = ValueOrigin::Environment { name };
            match value {
                Ok(value) => {
                    let shown = shown(&value, text.trim());
                    self.entries.insert((at, None), ConfigEntry { key, item: None, value, shown, origin });
                }
                // What belongs to another program is told by the part that uses it.
                Err(_) if !own => {}
                Err(wrong) => {
                    self.mistakes.push(Mistake { place: origin, key: None, message: wrong.message, hint: wrong.hint });
                }
            }
        }
    }

    /// Reads what a flag says.
    pub(crate) fn flag(&mut self, name: &'static str, key: &str, text: &str, base: Base<'_>) {
        let Some((at, key)) = KEYS.iter().enumerate().find(|(_, one)| one.name == key) else { return };
        let origin = ValueOrigin::Flag { name };
        match key.kind.of_text(text, base) {
            Ok(value) => {
                let shown = shown(&value, text);
                self.entries.insert((at, None), ConfigEntry { key, item: None, value, shown, origin });
            }
            Err(wrong) => {
                self.mistakes.push(Mistake { place: origin, key: None, message: wrong.message, hint: wrong.hint });
            }
        }
    }
}

impl File<'_> {
    fn place(&self, at: usize) -> ValueOrigin {
        let (line, column) = node::line_column(self.text, at);
        ValueOrigin::File { path: self.path.to_path_buf(), line, column }
    }

    fn mistake(&self, at: usize, parts: &[&str], message: String, hint: String) -> Mistake {
        let key = parts.iter().map(|part| written(part)).collect::<Vec<_>>().join(".");
        Mistake { place: self.place(at), key: Some(key), message, hint }
    }

    fn read(&self, key: &Key, node: &Node) -> Result<Value, (String, String)> {
        let value = key.kind.of_node(node, self.base).map_err(|wrong| (wrong.message, wrong.hint))?;
        let allowed = match key.project {
            _ if self.trusted => true,
            Project::May => true,
            Project::MayNot => false,
            Project::MayOnly(text) => key.kind.of_text(text, self.base).is_ok_and(|only| only == value),
        };
        if allowed {
            return Ok(value);
        }
        Err((
            format!("project files may not set {} (untrusted folder)", key.name),
            "move it to your own configuration file (run `model-cache config path`), or trust the folder there with \
             project.trust"
                .to_owned(),
        ))
    }

    /// The value as it is written, on one line.
    fn shown(&self, value: &Value, node: &Node) -> String {
        let text = match &node.shape {
            Shape::Text(text) => text,
            _ => self.text.get(node.span.clone()).unwrap_or_default(),
        };
        shown(value, &text.split_whitespace().collect::<Vec<_>>().join(" "))
    }
}

/// A value for people. Of a token only where it is, and of an address not its secrets.
fn shown(value: &Value, text: &str) -> String {
    match value {
        Value::Token(token) => token.to_string(),
        Value::Path(path) => path.display().to_string(),
        _ if text.chars().any(char::is_control) => format!("{:?}", redact_text(text)),
        _ => redact_text(text).into_owned(),
    }
}
