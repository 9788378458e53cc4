//! The CLI reference, from the command's own definition.

use clap::{Arg, Command};

/// One page: a section a command, with usage, arguments and options.
pub(crate) fn reference(command: &Command) -> String {
    let mut command = command.clone().term_width(usize::MAX);
    command.build();
    let mut page = String::from("# Command line\n\nWritten by `cargo xtask gen` from the command itself.\n\n");
    let mut sections = Vec::new();
    collect(&command, &mut sections);
    for (name, _) in &sections {
        page.push_str(&format!("- [`{name}`](#{})\n", name.replace(' ', "-")));
    }
    for (name, command) in &sections {
        section(name, command, &mut page);
    }
    page
}

fn collect<'a>(command: &'a Command, sections: &mut Vec<(String, &'a Command)>) {
    sections.push((command.get_bin_name().unwrap_or(command.get_name()).to_owned(), command));
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set() && sub.get_name() != "help") {
        collect(sub, sections);
    }
}

fn section(name: &str, command: &Command, page: &mut String) {
    page.push_str(&format!("\n## {name}\n\n"));
    if let Some(about) = command.get_long_about().or(command.get_about()) {
        page.push_str(&format!("{}\n\n", sentence(&about.to_string())));
    }
    let usage = command.clone().render_usage().to_string();
    page.push_str(&format!("```text\n{}\n```\n", usage.trim_start_matches("Usage: ")));
    let shown = |arg: &&Arg| !arg.is_hide_set() && !matches!(arg.get_id().as_str(), "help" | "version");
    let own = |arg: &&Arg| shown(arg) && (!arg.is_global_set() || name == "model-cache");
    table("Argument", command.get_arguments().filter(own).filter(|arg| arg.is_positional()), page);
    table("Option", command.get_arguments().filter(own).filter(|arg| !arg.is_positional()), page);
    if let Some(after) = command.get_after_long_help().or(command.get_after_help()) {
        page.push_str(&format!("\n{}\n", fenced(after.to_string().trim())));
    }
}

/// Examples as a block of code; other text as it is.
fn fenced(text: &str) -> String {
    let Some(rest) = text.strip_prefix("Examples:\n") else { return text.to_owned() };
    let (lines, after) = rest.split_once("\n\n").unwrap_or((rest, ""));
    let lines: Vec<&str> = lines.lines().map(str::trim_start).collect();
    format!("Examples:\n\n```sh\n{}\n```\n\n{after}", lines.join("\n")).trim_end().to_owned()
}

fn table<'a>(head: &str, arguments: impl Iterator<Item = &'a Arg>, page: &mut String) {
    let rows: Vec<String> = arguments.map(row).collect();
    if !rows.is_empty() {
        page.push_str(&format!("\n| {head} | |\n|---|---|\n{}", rows.concat()));
    }
}

fn row(arg: &Arg) -> String {
    let mut names = Vec::new();
    if let Some(short) = arg.get_short() {
        names.push(format!("-{short}"));
    }
    if let Some(long) = arg.get_long() {
        names.push(format!("--{long}"));
    }
    let takes = arg.get_action().takes_values();
    let values = if takes || arg.is_positional() { value_names(arg) } else { String::new() };
    let name = if names.is_empty() { values } else { format!("{} {values}", names.join(", ")).trim().to_owned() };
    let help = arg.get_long_help().or(arg.get_help()).map(|help| sentence(&help.to_string())).unwrap_or_default();
    let mut text = help.replace('\n', " ").replace('|', "\\|").replace('<', "&lt;");
    let possible: Vec<_> = arg.get_possible_values().iter().map(|value| format!("`{}`", value.get_name())).collect();
    if takes && !possible.is_empty() {
        text.push_str(&format!(" One of {}.", possible.join(", ")));
    }
    let default: Vec<_> = arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    if takes && !default.is_empty() {
        text.push_str(&format!(" Default: `{}`.", default.join(" ")));
    }
    if let Some(variable) = arg.get_env() {
        text.push_str(&format!(" From `{}` when not given.", variable.display()));
    }
    format!("| `{}` | {} |\n", name.replace('|', "\\|"), text.trim())
}

fn value_names(arg: &Arg) -> String {
    match arg.get_value_names() {
        Some(names) => names.iter().map(|name| format!("<{name}>")).collect::<Vec<_>>().join(" "),
        None => format!("<{}>", arg.get_id().as_str().to_uppercase()),
    }
}

/// clap drops the full stop of a doc comment; a page keeps it.
fn sentence(text: &str) -> String {
    let text = text.trim();
    if text.is_empty() || text.ends_with(['.', '!', '?', ':']) { text.to_owned() } else { format!("{text}.") }
}

#[cfg(test)]
mod tests {
    use clap::{Arg, ArgAction, Command};

    use super::*;

    #[test]
    fn every_command_option_and_default_is_on_the_page() {
        let get = Command::new("get")
            .about("Fetch")
            .arg(Arg::new("ref").required(true).value_name("REF").help("What"))
            .arg(Arg::new("jobs").long("jobs").short('j').value_name("N").default_value("4").help("How | many"))
            .arg(Arg::new("flag").long("flag").action(ArgAction::SetTrue).hide(true));
        let command = Command::new("model-cache")
            .bin_name("model-cache")
            .subcommand(get)
            .after_help("Examples:\n  model-cache get\n\nExit codes: 0");
        let page = reference(&command);
        for part in [
            "- [`model-cache get`](#model-cache-get)",
            "## model-cache get\n\nFetch.\n",
            "| `<REF>` | What. |",
            "| `-j, --jobs <N>` | How \\| many. Default: `4`. |",
            "Examples:\n\n```sh\nmodel-cache get\n```\n\nExit codes: 0",
        ] {
            assert!(page.contains(part), "{part} is not in:\n{page}");
        }
        assert!(!page.contains("--flag"), "{page}");
    }
}
