//! The layout of help pages: commands in groups, and examples below each page.

use clap::Command;

/// Groups of commands, in the order shown.
const GROUPS: &[(&str, &[&str])] = &[
    ("Everyday", &["get", "ls", "info", "path", "verify", "rm"]),
    ("Sources and names", &["registry", "lock", "outdated", "update", "sync", "adopt"]),
    ("Serving and sharing", &["serve", "token", "push", "export", "import", "keygen"]),
    ("Store upkeep", &["gc", "pin", "unpin", "quarantine", "stats"]),
    ("Setup", &["demo", "doctor", "config", "env", "completions"]),
];

/// Examples by command; each line can be run as it is.
const EXAMPLES: &[(&str, &[&str])] = &[
    ("", &["model-cache get org/model", "model-cache get org/model-GGUF:Q4_K_M", "model-cache demo"]),
    (
        "get",
        &[
            "model-cache get org/model --include '*.safetensors'",
            "model-cache get org/model-GGUF:Q4_K_M --fallback smaller",
            "model-cache get https://host/model.gguf --sha256 DIGEST",
        ],
    ),
    ("ls", &["model-cache ls", "model-cache ls llama --json"]),
    ("info", &["model-cache info org/model", "model-cache info org/model-GGUF:Q4_K_M --json"]),
    ("path", &["model-cache path org/model", "model-cache path org/model/config.json"]),
    ("verify", &["model-cache verify --repair", "model-cache verify org/model", "model-cache verify --quick --json"]),
    ("rm", &["model-cache rm org/model", "model-cache rm org/model@main org/other"]),
    (
        "registry",
        &[
            "model-cache registry add chat org/model-GGUF:Q4_K_M --pin",
            "model-cache registry ls",
            "model-cache get chat",
        ],
    ),
    (
        "registry add",
        &[
            "model-cache registry add chat org/model-GGUF:Q4_K_M --pin",
            "model-cache registry add chat org/model-GGUF:Q8_0 --tag best",
            "model-cache registry add chat org/model --platform cuda --fallback :Q4_K_M",
        ],
    ),
    ("registry ls", &["model-cache registry ls", "model-cache registry ls --json"]),
    ("registry show", &["model-cache registry show chat", "model-cache registry show chat@^1.2"]),
    ("registry rm", &["model-cache registry rm chat@1.0.0", "model-cache registry rm chat"]),
    (
        "registry discover",
        &[
            "model-cache registry discover --add",
            "model-cache registry discover ./models",
            "model-cache registry discover --search 'llama gguf' --limit 10",
        ],
    ),
    (
        "registry import",
        &["model-cache registry import names.toml", "model-cache registry import names.toml --replace"],
    ),
    ("registry export", &["model-cache registry export", "model-cache registry export names.toml"]),
    (
        "lock",
        &[
            "model-cache lock models.lock org/model org/other",
            "model-cache lock models.lock --from models.txt",
            "model-cache get --locked models.lock",
        ],
    ),
    ("outdated", &["model-cache outdated", "model-cache outdated org/model --exit-code"]),
    ("update", &["model-cache update --dry-run", "model-cache update org/model"]),
    (
        "sync",
        &[
            "model-cache sync models.txt --dry-run",
            "model-cache sync models.txt --prune",
            "model-cache sync models.txt --schedule '0 3 * * *'",
        ],
    ),
    (
        "adopt",
        &["model-cache adopt ~/.cache/huggingface --dry-run", "model-cache adopt ~/.ollama/models --kind ollama"],
    ),
    (
        "serve",
        &[
            "model-cache serve --max-size 500GB",
            "model-cache serve --listen 0.0.0.0:8090 --host models.lan",
            "HF_ENDPOINT=http://127.0.0.1:8090 hf download org/model",
        ],
    ),
    ("token", &["model-cache token new alice --read 'org/*'", "model-cache token new ci --read '*' --json"]),
    ("token new", &["model-cache token new alice --read 'org/*'", "model-cache token new ci --read '*' --json"]),
    (
        "push",
        &[
            "model-cache push org/model s3://bucket/models/org/model",
            "model-cache push org/model gs://bucket/model --as-files",
        ],
    ),
    (
        "export",
        &[
            "model-cache export org/model --output model.tar",
            "model-cache export org/model --output new.tar --since model.tar",
            "model-cache export org/model --output model.tar --sign key",
        ],
    ),
    (
        "import",
        &[
            "model-cache import model.tar",
            "model-cache import model.tar --list",
            "model-cache import model.tar --verify-key key.pub",
        ],
    ),
    ("keygen", &["model-cache keygen key", "model-cache export org/model --output model.tar --sign key"]),
    (
        "gc",
        &["model-cache gc --max-size 100GB --dry-run", "model-cache gc --older-than 30d", "model-cache gc --partials"],
    ),
    ("pin", &["model-cache pin org/model", "model-cache pin org/model@main"]),
    ("unpin", &["model-cache unpin org/model", "model-cache unpin org/model@main"]),
    ("quarantine", &["model-cache quarantine ls", "model-cache quarantine show ID", "model-cache quarantine rm --all"]),
    ("quarantine ls", &["model-cache quarantine ls", "model-cache quarantine ls --json"]),
    ("quarantine show", &["model-cache quarantine show ID", "model-cache quarantine show ID --json"]),
    ("quarantine restore", &["model-cache quarantine restore ID", "model-cache quarantine restore ID --json"]),
    ("quarantine rm", &["model-cache quarantine rm ID", "model-cache quarantine rm --all"]),
    ("stats", &["model-cache stats", "model-cache stats --json", "model-cache stats --reset"]),
    ("demo", &["model-cache demo", "model-cache demo --json"]),
    ("doctor", &["model-cache doctor", "model-cache doctor --network", "model-cache doctor --network org/model"]),
    ("config", &["model-cache config show", "model-cache config init > model-cache.toml", "model-cache config check"]),
    ("config show", &["model-cache config show", "model-cache config show store.quota"]),
    ("config check", &["model-cache config check", "model-cache config check model-cache.toml"]),
    ("config path", &["model-cache config path", "model-cache config path --json"]),
    ("config init", &["model-cache config init", "model-cache config init > model-cache.toml"]),
    ("env", &["eval \"$(model-cache env)\"", "model-cache env --shell fish | source"]),
    ("completions", &["model-cache completions bash > model-cache.bash", "model-cache completions fish | source"]),
];

/// Columns of the list of commands.
const WIDTH: usize = 80;

/// Adds groups of commands and examples to the pages.
pub(crate) fn layout(command: Command) -> Command {
    let template = format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n{}\n{}:\n{{options}}{{after-help}}",
        groups(&command),
        super::values::GLOBAL
    );
    with_examples(command, "").help_template(template)
}

fn with_examples(mut command: Command, path: &str) -> Command {
    let below: Vec<String> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    for name in below {
        let path = format!("{path} {name}");
        command = command.mut_subcommand(name, |sub| with_examples(sub, path.trim()));
    }
    let Some((_, lines)) = EXAMPLES.iter().find(|(known, _)| *known == path) else { return command };
    let examples = format!("Examples:\n  {}", lines.join("\n  "));
    let after = match command.get_after_help() {
        Some(before) => format!("{examples}\n\n{before}"),
        None => examples,
    };
    command.after_help(after)
}

/// The list of commands, in groups.
fn groups(command: &Command) -> String {
    let mut text = String::new();
    let column = GROUPS.iter().flat_map(|(_, names)| *names).map(|name| name.len()).max().unwrap_or(0) + 4;
    for (heading, names) in GROUPS {
        text.push_str(&format!("\n{heading}:\n"));
        for sub in names.iter().filter_map(|name| command.find_subcommand(name)) {
            let about = sub.get_about().map(ToString::to_string).unwrap_or_default();
            let mut line = format!("  {:<width$}", sub.get_name(), width = column - 2);
            for word in about.split_whitespace() {
                let used = line.chars().rev().take_while(|c| *c != '\n').count();
                if used > column && used + 1 + word.len() > WIDTH {
                    line.push_str(&format!("\n{:column$}", ""));
                } else if used > column {
                    line.push(' ');
                }
                line.push_str(word);
            }
            text.push_str(&line);
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::Parser as _;

    use super::*;
    use crate::args::Arguments;

    fn walk(command: &Command, path: &str, visit: &mut impl FnMut(&str, &Command)) {
        visit(path, command);
        for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
            walk(sub, format!("{path} {}", sub.get_name()).trim(), visit);
        }
    }

    #[test]
    fn command_without_group_fails() {
        let grouped: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| *names).copied().collect();
        let command = crate::command();
        let known: BTreeSet<&str> = command.get_subcommands().map(Command::get_name).collect();
        assert_eq!(grouped.iter().copied().collect::<BTreeSet<_>>(), known);
        assert_eq!(grouped.len(), known.len(), "a command is in two groups");
    }

    #[test]
    fn command_without_examples_fails() {
        walk(&crate::command(), "", &mut |path, command| {
            let examples = EXAMPLES.iter().find(|(known, _)| *known == path);
            assert!(examples.is_some_and(|(_, lines)| (2..=3).contains(&lines.len())), "{path:?}");
            let shown = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(shown.starts_with("Examples:\n  "), "{path:?}: {shown}");
        });
    }

    /// The words of a line, without quotes, up to a pipe or a redirection.
    fn words(line: &str) -> Vec<String> {
        let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
        for c in line.chars() {
            match c {
                '\'' => quoted = !quoted,
                ' ' if !quoted => words.push(std::mem::take(&mut word)),
                _ => word.push(c),
            }
        }
        words.push(word);
        words.into_iter().take_while(|word| word != "|" && word != ">").collect()
    }

    #[test]
    fn example_is_accepted_by_the_parser() {
        let digest = "a".repeat(64);
        for line in EXAMPLES.iter().flat_map(|(_, lines)| *lines).filter(|line| line.starts_with("model-cache ")) {
            let words = words(line).into_iter().map(|word| if word == "DIGEST" { digest.clone() } else { word });
            if let Err(error) = Arguments::try_parse_from(words) {
                panic!("{line}: {error}");
            }
        }
    }

    /// All pages at 80 columns, each below its command.
    #[test]
    fn help_pages_match_snapshot() {
        let mut text = String::new();
        let mut command = crate::command().version("0.0.0").term_width(WIDTH);
        command.build();
        walk(&command, "", &mut |path, command| {
            let page = command.clone().term_width(WIDTH).render_long_help().to_string();
            let wide = page.lines().find(|line| line.chars().count() > WIDTH);
            assert_eq!(wide, None, "{path}");
            text.push_str(&format!("$ {} --help\n{}\n\n", format!("model-cache {path}").trim(), page.trim_end()));
        });
        insta::assert_snapshot!("help", text);
    }
}
