//! `config`: what is set, where it comes from, and what is wrong with it.

use cache_config::{Config, ConfigEntry, ConfigFile, Key, Kind, LoadOptions, Mistake, Preset, Role, Value as Setting};
use cache_lib::{Error, ErrorKind, Result};
use serde_json::{Value, json};

use super::text::count;
use crate::args::{ConfigArgs, ConfigCommand, LogStyle, Shared};
use crate::output::{Output, table};

/// What to read for these arguments.
pub(crate) fn options(shared: &Shared) -> LoadOptions {
    let ConfigArgs { file, log_level, log_format, .. } = &shared.config;
    let mut options = LoadOptions::default().with_file(file.clone());
    if let Some(store) = &shared.store {
        options = options.with_flag("--store", "store.dir", store.to_string_lossy());
    }
    if shared.offline {
        options = options.with_flag("--offline", "network.offline", "true");
    }
    if shared.https_only {
        options = options.with_flag("--https-only", "network.https-only", "true");
    }
    if let Some(level) = log_level {
        options = options.with_flag("--log-level", "log.level", level);
    }
    match log_format {
        Some(LogStyle::Json) => options.with_flag("--log-format", "log.format", "json"),
        Some(LogStyle::Text) => options.with_flag("--log-format", "log.format", "text"),
        None => options,
    }
}

pub(super) fn run(shared: &Shared, command: &ConfigCommand, output: &Output) -> Result<u8> {
    match command {
        ConfigCommand::Show { key } => show(&Config::load(&options(shared))?, key.as_deref(), output),
        ConfigCommand::Check { file: None } => check(&options(shared), output),
        ConfigCommand::Check { file } => {
            let file = file.clone();
            check(&options(shared).with_file(file).with_environment(|_| None), output)
        }
        ConfigCommand::Path => path(&options(shared), output),
        ConfigCommand::Init => init(output),
    }
}

fn show(config: &Config, wanted: Option<&str>, output: &Output) -> Result<u8> {
    let is_wanted = |(key, entry): &(&Key, Option<ConfigEntry>)| {
        let name = entry.as_ref().map_or_else(|| key.name.to_owned(), ConfigEntry::name);
        wanted.is_none_or(|wanted| name == wanted || name.starts_with(&format!("{wanted}.")))
    };
    let rows: Vec<_> = config.all().filter(is_wanted).collect();
    if rows.is_empty() {
        let wanted = wanted.unwrap_or_default();
        let known = cache_config::KEYS.iter().any(|key| key.section() == wanted || key.name == wanted);
        let error = match Key::nearest(wanted) {
            _ if known => return Ok(answer(output, &[])),
            Some(key) => unknown(wanted).with_hint(format!("did you mean `{}`?", key.name)),
            None => unknown(wanted).with_hint("run `model-cache config show` for all keys"),
        };
        return Err(error);
    }
    Ok(answer(output, &rows))
}

fn unknown(key: &str) -> Error {
    Error::new(ErrorKind::Usage, format!("unknown key {key:?}"))
}

fn answer(output: &Output, rows: &[(&'static Key, Option<ConfigEntry>)]) -> u8 {
    if output.is_json() {
        let settings: Vec<Value> = rows.iter().map(|(key, entry)| for_programs(key, entry.as_ref())).collect();
        output.json(&json!({ "settings": settings }));
    } else {
        let rows: Vec<Vec<String>> = rows.iter().map(|(key, entry)| for_people(key, entry.as_ref())).collect();
        output.write(&table(&rows));
    }
    0
}

fn for_people(key: &Key, entry: Option<&ConfigEntry>) -> Vec<String> {
    let Some(entry) = entry else {
        let meaning = match key.preset {
            Preset::Unset(meaning) | Preset::Is(meaning) => meaning,
        };
        return vec![key.name.to_owned(), format!("({meaning})"), "default".to_owned()];
    };
    let value = match &entry.value {
        Setting::Token(token) => format!("{token} ({})", if token.is_set() { "set" } else { "not set" }),
        _ => entry.shown.clone(),
    };
    vec![entry.name(), value, entry.origin.to_string()]
}

fn for_programs(key: &Key, entry: Option<&ConfigEntry>) -> Value {
    match entry {
        Some(entry) => json!({ "key": entry.name(), "value": entry.json(), "origin": entry.origin }),
        None => json!({ "key": key.name, "value": null, "origin": cache_config::ValueOrigin::Default }),
    }
}

fn check(options: &LoadOptions, output: &Output) -> Result<u8> {
    let (config, mistakes) = Config::inspect(options);
    let mistakes = [mistakes, tokens_missing(&config)].concat();
    let read: Vec<&ConfigFile> = config.files().iter().filter(|file| file.read).collect();
    if output.is_json() {
        output.json(&json!({
            "sound": mistakes.is_empty(),
            "mistakes": mistakes,
            "files": read,
            "warnings": config.warnings(),
        }));
    } else {
        for mistake in &mistakes {
            output.line(format_args!("{mistake}\n  hint: {}", mistake.hint));
        }
        if mistakes.is_empty() {
            let set = count(config.entries().len(), "setting");
            let files: Vec<String> = read.iter().map(|file| file.path.display().to_string()).collect();
            let files = if files.is_empty() { "no file".to_owned() } else { files.join(", ") };
            output.line(format_args!("no mistakes: {set} changed from the defaults; read {files}"));
        }
    }
    config.warnings().iter().for_each(|warning| output.status(format_args!("warning: {warning}")));
    Ok(if mistakes.is_empty() { 0 } else { ErrorKind::Usage.exit_code() })
}

/// References that lead nowhere. They fail only when the token is needed, which may be never.
fn tokens_missing(config: &Config) -> Vec<Mistake> {
    let missing = |entry: &&ConfigEntry| matches!(&entry.value, Setting::Token(token) if !token.is_set());
    let mistake = |entry: &ConfigEntry| {
        Mistake::new(entry.origin.clone(), Some(entry.name()), "no token found")
            .with_hint(format!("set the variable or create the file: {}", entry.shown))
    };
    config.entries().iter().filter(|entry| entry.key.kind == Kind::Token).filter(missing).map(mistake).collect()
}

fn path(options: &LoadOptions, output: &Output) -> Result<u8> {
    let (config, _) = Config::inspect(options);
    if output.is_json() {
        output.json(&json!({ "files": config.files(), "warnings": config.warnings() }));
        return Ok(0);
    }
    let rows: Vec<Vec<String>> = config.files().iter().map(row).collect();
    output.write(&table(&rows));
    config.warnings().iter().for_each(|warning| output.status(format_args!("warning: {warning}")));
    Ok(0)
}

fn row(file: &ConfigFile) -> Vec<String> {
    let state = match (file.read, file.role) {
        (false, _) => "not read",
        (true, Role::Project) if !file.trusted => "read; untrusted, not all keys allowed",
        (true, _) => "read",
    };
    let there = if file.read || file.path.exists() { state } else { "not found" };
    vec![file.path.display().to_string(), there.to_owned()]
}

fn init(output: &Output) -> Result<u8> {
    let text = cache_config::example();
    if output.is_json() {
        output.json(&json!({ "text": text }));
    } else {
        output.exact(text.as_bytes());
    }
    Ok(0)
}
