//! `env`: lines for a shell to evaluate.

use std::path::Path;

use cache_lib::{Cache, Result};
use serde_json::{Map, Value};

use crate::args::{Dialect, EnvArgs};
use crate::output::Output;

pub(super) fn run(cache: &Cache, args: &EnvArgs, output: &Output) -> Result<u8> {
    let hub = cache.store().hub_dir();
    let root = cache.store().root().to_path_buf();
    let variables = [("HF_HUB_CACHE", hub), ("MODEL_CACHE_DIR", root)];
    if output.is_json() {
        let map: Map<String, Value> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), Value::from(value.to_string_lossy()))).collect();
        output.json(&map);
        return Ok(0);
    }
    let dialect = args.shell.unwrap_or_else(|| guess(std::env::var("SHELL").unwrap_or_default().as_str()));
    for (name, value) in &variables {
        output.exact(format!("{}\n", line(dialect, name, &value.to_string_lossy())).as_bytes());
    }
    Ok(0)
}

fn guess(shell: &str) -> Dialect {
    match Path::new(shell).file_stem().and_then(|stem| stem.to_str()) {
        Some("fish") => Dialect::Fish,
        Some("pwsh" | "powershell") => Dialect::PowerShell,
        _ => Dialect::Sh,
    }
}

fn line(dialect: Dialect, name: &str, value: &str) -> String {
    match dialect {
        Dialect::Sh => format!("export {name}='{}'", value.replace('\'', r"'\''")),
        Dialect::Fish => format!("set -gx {name} '{}'", value.replace('\\', r"\\").replace('\'', r"\'")),
        Dialect::PowerShell => format!("$env:{name} = '{}'", value.replace('\'', "''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_in_the_path_does_no_harm() {
        assert_eq!(line(Dialect::Sh, "A", "/it's"), r"export A='/it'\''s'");
        assert_eq!(line(Dialect::Fish, "A", r"/it's\"), r"set -gx A '/it\'s\\'");
        assert_eq!(line(Dialect::PowerShell, "A", "/it's"), "$env:A = '/it''s'");
        assert_eq!(guess("/usr/bin/fish"), Dialect::Fish);
        assert_eq!(guess(""), Dialect::Sh);
    }
}
