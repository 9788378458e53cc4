//! Where configuration is looked for.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cache_lib::options::TokenRef;
use fs_err as fs;
use serde::Serialize;

use crate::keys::{KEYS, Key};
use crate::layer::Draft;
use crate::origin::{ALIKE, Mistake, ValueOrigin};
use crate::value::{Base, Value};

/// Longest configuration file that is read, in bytes.
const MAX_FILE: u64 = 1 << 20;

/// The variable that names a file to be read instead of both others.
const CONFIG: &str = "MODEL_CACHE_CONFIG";
/// What the names of this program's variables begin with.
const OWN: &str = "MODEL_CACHE_";
/// Variables of no key: the file, the build's commit, and those of the torture rig.
const OF_NO_KEY: [&str; 5] =
    [CONFIG, "MODEL_CACHE_COMMIT", "MODEL_CACHE_FAILPOINT", "MODEL_CACHE_MUTANT", "MODEL_CACHE_CLOCK_OFFSET"];

type Environment = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Which layers to read, and from where. The default: this process's working folder, the platform's folder, this
/// process's environment, no flags.
#[derive(Clone)]
#[non_exhaustive]
pub struct LoadOptions {
    pub(crate) cwd: PathBuf,
    pub(crate) user_folder: Option<PathBuf>,
    pub(crate) file: Option<PathBuf>,
    pub(crate) files: bool,
    pub(crate) environment: Environment,
    /// The names of all variables that should be this program's, sorted.
    pub(crate) names: Vec<String>,
    pub(crate) flags: Vec<Flag>,
}

/// What a flag says.
#[derive(Debug, Clone)]
pub(crate) struct Flag {
    pub(crate) name: &'static str,
    pub(crate) key: &'static str,
    pub(crate) text: String,
}

/// A file that was looked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ConfigFile {
    /// Where.
    pub path: PathBuf,
    /// What it is for.
    pub role: Role,
    /// Whether it is there and was read.
    pub read: bool,
    /// Whether it may set every key.
    pub trusted: bool,
}

/// What a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Role {
    /// The user's own.
    User,
    /// The working folder's.
    Project,
    /// Named by a flag or a variable, in place of both.
    Named,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self {
            cwd: std::env::current_dir().unwrap_or_default(),
            user_folder: directories::BaseDirs::new().map(|base| base.config_dir().join("model-cache")),
            file: None,
            files: true,
            environment: Arc::new(|name| std::env::var(name).ok()),
            names: own_names(std::env::vars_os().filter_map(|(name, _)| name.into_string().ok())),
            flags: Vec::new(),
        }
    }
}

fn own_names(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut names: Vec<String> = names.filter(|name| name.starts_with(OWN)).collect();
    names.sort_unstable();
    names
}

impl LoadOptions {
    /// Reads this file in place of the user's and the project's.
    #[must_use]
    pub fn with_file(mut self, file: Option<PathBuf>) -> Self {
        self.file = file;
        self
    }

    /// Reads no file at all.
    #[must_use]
    pub fn without_files(mut self) -> Self {
        self.files = false;
        self
    }

    /// Uses another working folder than the process's.
    #[must_use]
    pub fn with_cwd(mut self, cwd: impl Into<PathBuf>) -> Self {
        self.cwd = cwd.into();
        self
    }

    /// Looks for the user's file in another folder than the platform's.
    #[must_use]
    pub fn with_user_folder(mut self, folder: Option<PathBuf>) -> Self {
        self.user_folder = folder;
        self
    }

    /// Reads other variables than the process's.
    #[must_use]
    pub fn with_environment(mut self, get: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        self.environment = Arc::new(get);
        self.names = Vec::new();
        self
    }

    /// Reads these variables in place of the process's.
    #[must_use]
    pub fn with_variables(self, variables: HashMap<String, String>) -> Self {
        let names = own_names(variables.keys().cloned());
        Self { names, ..self.with_environment(move |name| variables.get(name).cloned()) }
    }

    /// Sets a key, above all other layers. `flag` is its name for people; what is no key is passed over.
    #[must_use]
    pub fn with_flag(mut self, flag: &'static str, key: &'static str, text: impl Into<String>) -> Self {
        self.flags.push(Flag { name: flag, key, text: text.into() });
        self
    }

    pub(crate) fn home(&self) -> Option<PathBuf> {
        directories::BaseDirs::new().map(|base| base.home_dir().to_path_buf())
    }

    fn set(&self, name: &str) -> Option<String> {
        (self.environment)(name).filter(|text| !text.trim().is_empty())
    }
}

impl fmt::Debug for LoadOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadOptions")
            .field("cwd", &self.cwd)
            .field("user_folder", &self.user_folder)
            .field("file", &self.file)
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

/// The files that were looked for, and warnings about them.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) files: Vec<ConfigFile>,
    pub(crate) warnings: Vec<String>,
}

/// Reads the named file, or the user's and the project's.
pub(crate) fn read(options: &LoadOptions, base: Base<'_>, draft: &mut Draft) -> Found {
    let mut found = Found::default();
    if !options.files {
        return found;
    }
    let named = options.file.clone().map(|file| (file, ValueOrigin::Flag { name: "--config" }));
    let named = named.or_else(|| Some((options.set(CONFIG)?.into(), ValueOrigin::Environment { name: CONFIG })));
    if let Some((file, whence)) = named {
        named_file(&options.cwd.join(file), whence, base, draft, &mut found);
        return found;
    }
    if let Some(folder) = &options.user_folder {
        let names = [folder.join("config.toml"), folder.join("config.json")];
        one_of(names, Role::User, true, base, draft, &mut found);
    }
    let names = [options.cwd.join("model-cache.toml"), options.cwd.join("model-cache.json")];
    let trusted = is_trusted(options, draft, base);
    one_of(names, Role::Project, trusted, base, draft, &mut found);
    found
}

/// Warnings for variables that should be this program's and that nothing reads.
pub(crate) fn unknown_variables(options: &LoadOptions, draft: &Draft) -> Vec<String> {
    let known = || KEYS.iter().flat_map(Key::variables);
    // A token may be in a variable of any name.
    let holds_token = |name: &str| {
        draft.entries.values().any(|entry| matches!(&entry.value, Value::Token(TokenRef::Env(env)) if env == name))
    };
    let is_known = |name: &str| OF_NO_KEY.contains(&name) || known().any(|known| known == name) || holds_token(name);
    let warning = |name: &String| match nearest_name(name, known()) {
        Some(near) => format!("{name}: no such variable; did you mean {near}?"),
        None => format!("{name}: no such variable; run `model-cache config show` for all keys"),
    };
    options.names.iter().filter(|name| !is_known(name)).map(warning).collect()
}

fn nearest_name(name: &str, known: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    let rest = |name: &str| name.strip_prefix(OWN).unwrap_or(name).to_owned();
    let likeness = |known: &'static str| (strsim::jaro_winkler(&rest(name), &rest(known)), known);
    let best = known.map(likeness).max_by(|(a, _), (b, _)| a.total_cmp(b))?;
    (best.0 >= ALIKE).then_some(best.1)
}

fn named_file(path: &Path, whence: ValueOrigin, base: Base<'_>, draft: &mut Draft, found: &mut Found) {
    let text = cache_fs::read_text(path, MAX_FILE);
    found.files.push(ConfigFile { path: path.to_path_buf(), role: Role::Named, read: text.is_ok(), trusted: true });
    match text {
        Ok(text) => draft.file(path, &text, base.home, true),
        Err(error) => draft.mistakes.push(Mistake {
            place: whence,
            key: None,
            message: format!("the configuration file could not be read: {error}"),
            hint: "run `model-cache config init` to print an example".to_owned(),
        }),
    }
}

/// Reads the first that is there.
fn one_of(names: [PathBuf; 2], role: Role, trusted: bool, base: Base<'_>, draft: &mut Draft, found: &mut Found) {
    let mut before: Option<PathBuf> = None;
    for path in names {
        let mut looked = ConfigFile { path: path.clone(), role, read: false, trusted };
        match (cache_fs::open(&path), &before) {
            (Err(error), _) if error.kind() == std::io::ErrorKind::NotFound => {}
            (Ok(_), Some(other)) => {
                found.warnings.push(format!("{} is ignored: {} exists", path.display(), other.display()));
            }
            (Ok(file), None) if role == Role::Project && !is_ours(&file) => {
                let path = path.display();
                found.warnings.push(format!("{path} is ignored: another user owns it or can write it"));
            }
            (Ok(file), None) => match cache_fs::text_of(file, &path, MAX_FILE) {
                Ok(text) => {
                    looked.read = true;
                    draft.file(&path, &text, base.home, trusted);
                    before = Some(path);
                }
                Err(error) => draft.mistakes.push(unreadable(&path, &error)),
            },
            (Err(error), _) => draft.mistakes.push(unreadable(&path, &error)),
        }
        found.files.push(looked);
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> Mistake {
    Mistake {
        place: ValueOrigin::File { path: path.to_path_buf(), line: 1, column: 1 },
        key: None,
        message: format!("the configuration file could not be read: {error}"),
        hint: "check who may read it".to_owned(),
    }
}

/// Whether the working folder is below one that the user trusts. Neither a flag nor the project's file can say so.
fn is_trusted(options: &LoadOptions, draft: &Draft, base: Base<'_>) -> bool {
    let Some((at, key)) = KEYS.iter().enumerate().find(|(_, key)| key.name == "project.trust") else { return false };
    let variable = key.variables().find_map(|name| options.set(name));
    let folders = match variable.map(|text| key.kind.of_text(&text, base)) {
        Some(Ok(value)) => value.folders(),
        Some(Err(_)) => Vec::new(),
        None => draft.entries.get(&(at, None)).map(|entry| &entry.value).map_or_else(Vec::new, Value::folders),
    };
    let Ok(here) = fs::canonicalize(&options.cwd) else { return false };
    folders.iter().filter_map(|folder| fs::canonicalize(folder).ok()).any(|folder| here.starts_with(folder))
}

/// Whether a file belongs to this user, or to root, and nobody else may write it.
#[cfg(unix)]
fn is_ours(file: &std::fs::File) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let ours = rustix::process::geteuid().as_raw();
    file.metadata().is_ok_and(|metadata| [0, ours].contains(&metadata.uid()) && metadata.mode() & 0o002 == 0)
}

#[cfg(not(unix))]
fn is_ours(_: &std::fs::File) -> bool {
    true
}
