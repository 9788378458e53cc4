//! [`Key`]: name, kind, default and variables of one setting.

use crate::settings::Settings;
use crate::value::{Kind, Value};

/// One key.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Key {
    /// Its name in the file, section first: `store.quota`. `*` stands for a name that the user chooses.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// What it is when nobody sets it.
    pub preset: Preset,
    /// What it means, in one line.
    pub doc: &'static str,
    /// A value to show in examples, as it is written in TOML.
    pub example: &'static str,
    /// Its environment variable; none for a key with a name of the user's.
    pub variable: Option<&'static str>,
    /// Variables of other programs that mean the same. They rank below `variable`.
    pub also: &'static [&'static str],
    /// Whether the file of a folder that is not trusted may set it.
    pub project: Project,
    pub(crate) put: fn(&mut Settings, &str, &Value),
}

/// What a key is when nobody sets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    /// This value, written as in a variable.
    Is(&'static str),
    /// No value, which means this.
    Unset(&'static str),
}

/// Whether the `model-cache.toml` of a folder that is not trusted may set a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Project {
    /// It may: the key says how much and how fast.
    May,
    /// It may not: the key says where from, where to, whom to trust, or what is deleted.
    MayNot,
    /// It may choose this one, which is stricter.
    MayOnly(&'static str),
}

impl Key {
    pub(super) const fn new(
        name: &'static str,
        kind: Kind,
        preset: Preset,
        doc: &'static str,
        example: &'static str,
        put: fn(&mut Settings, &str, &Value),
    ) -> Self {
        Self { name, kind, preset, doc, example, variable: None, also: &[], project: Project::MayNot, put }
    }

    pub(super) const fn variable(mut self, name: &'static str) -> Self {
        self.variable = Some(name);
        self
    }

    pub(super) const fn also(mut self, names: &'static [&'static str]) -> Self {
        self.also = names;
        self
    }

    pub(super) const fn project(mut self, project: Project) -> Self {
        self.project = project;
        self
    }

    /// The section it is in.
    #[must_use]
    pub fn section(&self) -> &'static str {
        self.name.split('.').next().unwrap_or_default()
    }

    /// Its own name, without section.
    #[must_use]
    pub fn leaf(&self) -> &'static str {
        self.name.rsplit('.').next().unwrap_or_default()
    }

    /// Whether its second part is a name of the user's.
    #[must_use]
    pub fn has_item(&self) -> bool {
        self.name.contains(".*.")
    }
}
