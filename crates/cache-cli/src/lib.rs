//! The `model-cache` command: arguments in, answers on stdout, progress and words on stderr. What it does is in
//! `cache-lib`.

mod args;
mod command_line;
mod commands;
mod failure;
mod hints;
mod logging;
mod output;
mod progress;
mod schedule;
mod signals;

use std::io::Write as _;
use std::process::ExitCode;

use clap::FromArgMatches as _;

use crate::args::Arguments;
pub use crate::command_line::command;
use crate::output::Output;

/// All configuration keys, as a page in Markdown.
#[must_use]
pub fn configuration() -> String {
    cache_config::reference()
}

/// Runs the command of this process's arguments.
#[must_use]
pub fn main() -> ExitCode {
    let matches = match command().try_get_matches() {
        Ok(matches) => matches,
        Err(error) => return refuse(&error),
    };
    let mut arguments = match Arguments::from_arg_matches(&matches) {
        Ok(arguments) => arguments,
        Err(error) => return refuse(&error),
    };
    let output = Output::new(arguments.shared.json, arguments.shared.quiet);
    let code = match commands::load(&mut arguments, &output).and_then(|()| commands::run(&arguments, &output)) {
        Ok(code) => output.end(code),
        Err(error) => output.end(output.fail(&error)),
    };
    logging::end();
    ExitCode::from(code)
}

/// Help and version go to stdout and are no failure; everything else is a usage error, exit code 2.
fn refuse(error: &clap::Error) -> ExitCode {
    let code = u8::try_from(error.exit_code()).unwrap_or(2);
    let plain = error.render().to_string();
    let shown = output::sanitize(&plain);
    // A closed pipe must not turn `--help | head` into a failure.
    let _ = if shown == plain {
        error.print()
    } else {
        // The arguments are repeated, and have secrets or what acts on a terminal.
        write!(std::io::stderr().lock(), "{shown}")
    };
    ExitCode::from(code)
}
