//! What the table of keys says to people: the reference page and an example to begin with.

use crate::keys::{KEYS, Key, Preset, Project};

/// The reference of all keys as a page of Markdown.
#[must_use]
pub fn reference() -> String {
    let mut text = String::from(HEAD);
    for section in sections() {
        let keys: Vec<&Key> = KEYS.iter().filter(|key| key.section() == section).collect();
        let heading = if keys.iter().any(|key| key.has_item()) { format!("{section}.*") } else { section.to_owned() };
        text.push_str(&format!("\n## {heading}\n\n| key | value | default | variable | |\n|---|---|---|---|---|\n"));
        for key in keys {
            text.push_str(&row(key));
        }
    }
    text
}

fn row(key: &Key) -> String {
    let default = match key.preset {
        Preset::Is(text) => format!("`{text}`"),
        Preset::Unset(meaning) => meaning.to_owned(),
    };
    let variables: Vec<String> = key.variable.iter().chain(key.also).map(|name| format!("`{name}`")).collect();
    let project = match key.project {
        Project::May => "",
        Project::MayNot => " Not from an untrusted project file.",
        Project::MayOnly(word) => &format!(" From an untrusted project file only `{word}`."),
    };
    // A bar would end the cell.
    let doc = format!("{}{project}", key.doc).replace('|', "\\|");
    format!("| `{}` | `{}` | {default} | {} | {doc} |\n", key.leaf(), key.example, variables.join(", "))
}

/// A configuration file in which everything is commented out.
#[must_use]
pub fn example() -> String {
    let mut text = String::from(
        "# Configuration of model-cache. What is commented out is an example, not the default.\n\
         # `model-cache config check` names mistakes, `model-cache config show` tells where each value comes from.\n",
    );
    for section in sections() {
        let keys: Vec<&Key> = KEYS.iter().filter(|key| key.section() == section).collect();
        let named = keys.iter().any(|key| key.has_item());
        let heading = match section {
            "hosts" => "# [hosts.\"cdn.example.com\"]".to_owned(),
            "models" => "# [models.\"org/name\"]".to_owned(),
            _ if named => format!("# [{section}.example]"),
            _ => format!("[{section}]"),
        };
        text.push_str(&format!("\n{heading}\n"));
        for key in keys {
            let default = match key.preset {
                Preset::Is(text) => text,
                Preset::Unset(meaning) => meaning,
            };
            text.push_str(&format!("# {} (default: {default})\n# {} = {}\n", key.doc, key.leaf(), key.example));
        }
    }
    text
}

fn sections() -> Vec<&'static str> {
    let mut sections: Vec<&str> = KEYS.iter().map(Key::section).collect();
    sections.dedup();
    sections
}

const HEAD: &str = "\
# Configuration

Settings come from these places; later ones win:

1. defaults
2. the user's file, `config.toml` in the folder `model-cache` of the platform's configuration folder
   (`~/.config/model-cache/config.toml` on Linux)
3. the project's file, `model-cache.toml` in the working folder
4. the environment: the variables below, the first that is set; `MODEL_CACHE_<SECTION>_<KEY>` (`MODEL_CACHE_STORE_MODE`) is
   read, too, after the first one, and any other `MODEL_CACHE_` variable gets a warning
5. flags

`--config FILE` or `MODEL_CACHE_CONFIG` names a file that replaces both files. JSON does as well as TOML: `config.json`,
`model-cache.json`. In a file a relative path is relative to the file, and `~/` is the home folder.

`model-cache config show` prints each value with where it comes from, `model-cache config check` names the line of a
mistake, `model-cache config path` says which files are looked for, and `model-cache config init` prints a file to begin with.

**Tokens** are never written into a file: `token = { env = \"VARIABLE\" }` or `token = { file = \"path\" }` says where one is.
The variable `MODEL_CACHE_TOKEN` holds the token itself.

**A project's file is not trusted**, because a folder may have come from anywhere, and belongs to you all the same once it is
cloned or unpacked. It may say how much and how fast, and be stricter than you are, but not where the store is, what is
deleted, where requests go, whom to trust, or where a token is. `project.trust` in your own file names folders that may.
The file of another user, or one that everybody may write, is not read.
";
