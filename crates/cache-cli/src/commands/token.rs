//! `token`: for users of the mirror.

use cache_config::Settings;
use cache_lib::Result;
use cache_server::{NewToken, ServerConfig};
use serde_json::{Value, json};

use crate::args::{NewTokenArgs, TokenCommand};
use crate::output::Output;

pub(super) fn run(command: &TokenCommand, output: &Output) -> Result<u8> {
    match command {
        TokenCommand::New(args) => new(args, output),
    }
}

fn new(args: &NewTokenArgs, output: &Output) -> Result<u8> {
    let token = NewToken::random()?;
    let sha256 = token.sha256().to_string();
    let mut settings = Settings::default();
    let user = settings.users.entry(args.name.clone()).or_default();
    user.token_sha256.clone_from(&sha256);
    user.read.clone_from(&args.read);
    ServerConfig::from_settings(&settings)?;
    // Strings of JSON are strings of TOML.
    let section = format!(
        "[users.{}]\ntoken-sha256 = \"{sha256}\"\nread = {}",
        Value::from(args.name.as_str()),
        json!(args.read)
    );
    if output.is_json() {
        output.json(&json!({
            "token": token.expose(),
            "name": args.name,
            "token_sha256": sha256,
            "read": args.read,
            "config": section,
        }));
        return Ok(0);
    }
    output.line(token.expose());
    output.status(format_args!("\n# Add to the server's configuration; the token itself is not stored:\n{section}"));
    if args.read.is_empty() {
        output.status("# read = [] allows nothing: list globs such as \"org/*\"");
    }
    Ok(0)
}
