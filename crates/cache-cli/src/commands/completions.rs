//! `completions`: for a shell.

use cache_lib::{Error, ErrorKind, Result};

use crate::args::CompletionsArgs;
use crate::command_line::command;
use crate::output::Output;

pub(super) fn run(args: &CompletionsArgs, output: &Output) -> Result<u8> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut command(), "model-cache", &mut text);
    let text =
        String::from_utf8(text).map_err(|_| Error::new(ErrorKind::Unsupported, "completions are not valid UTF-8"))?;
    if output.is_json() {
        output.json(&serde_json::json!({ "shell": args.shell.to_string(), "script": text }));
    } else {
        output.exact(text.as_bytes());
    }
    Ok(0)
}
