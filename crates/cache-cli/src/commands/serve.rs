//! `serve`: the store as a Hub.

use cache_config::{Config, Settings, TokenRef};
use cache_lib::{Cache, Error, ErrorKind, Result};
use cache_server::{Address, ClosedRepos, Listen, NewToken, Server, ServerConfig, TlsFiles};
use serde_json::json;

use crate::args::Shared;
use crate::args::serve::ServeArgs;
use crate::output::Output;
use crate::signals;

pub(super) fn run(shared: &Shared, args: &ServeArgs, output: &Output) -> Result<u8> {
    let mut builder = super::setup::builder(shared)?;
    if let Some(upstream) = &args.upstream {
        builder = builder.endpoint(upstream);
    }
    if let Some(bytes) = args.max_size {
        builder = builder.quota(bytes);
    }
    let cache = super::setup::build(builder, output)?;
    let mut config = configuration(shared.config.loaded.settings(), args)?;
    let made = made_token(&config)?;
    if made.is_some() {
        config.admin_token.clone_from(&made);
    }
    let shown = made.clone();
    let (again, options) = (args.clone(), super::config::options(shared));
    let reload = move || {
        let mut config = configuration(Config::load(&options)?.settings(), &again)?;
        config.admin_token = config.admin_token.or_else(|| made.clone());
        Ok(config)
    };
    signals::serve(|stop, hangup| async move {
        let tls = config.tls.is_some();
        let has_users = !config.users.is_empty();
        let has_aliases = !config.models.is_empty() && !has_users;
        let server = Server::bind(cache.clone(), config).await?.reloading(reload);
        announce(&cache, &server.addresses()?, shown.as_deref(), tls, output);
        if cache.is_offline() {
            warn_closed_repos(&server.closed().await?, has_users, output);
        } else if has_aliases {
            warn_closed_aliases(server.closed().await?.aliases, output);
        }
        server.run(stop, hangup).await
    })?;
    output.status("stopped");
    Ok(0)
}

fn configuration(settings: &Settings, args: &ServeArgs) -> Result<ServerConfig> {
    let mut config = ServerConfig::from_settings(settings)?;
    if !args.listen.is_empty() {
        config.listen = args.listen.iter().map(|text| text.parse()).collect::<Result<Vec<Listen>>>()?;
    }
    config.hosts.extend(args.host.iter().cloned());
    config.insecure_public = args.insecure_public;
    config.assume_public = args.assume_public;
    if config.assume_public && !config.users.is_empty() {
        return Err(Error::new(ErrorKind::Usage, "--assume-public cannot be used with users")
            .with_hint("leave it out, and list models without a token in server.anonymous"));
    }
    config.refresh = args.refresh.unwrap_or(config.refresh);
    if let Some(file) = &args.admin_token_file {
        config.admin_token = Some(TokenRef::File(file.clone()).read()?);
    }
    if let (Some(certificate), Some(key)) = (&args.tls_cert, &args.tls_key) {
        config.tls = Some(TlsFiles { certificate: certificate.clone(), key: key.clone() });
    }
    Ok(config)
}

/// A token for the admin, where none is configured and only this machine can ask.
fn made_token(config: &ServerConfig) -> Result<Option<String>> {
    let local = config.listen.iter().all(|listen| matches!(listen, Listen::Tcp(address) if address.ip().is_loopback()));
    if config.admin_token.is_some() || !local {
        return Ok(None);
    }
    NewToken::random().map(|token| Some(token.expose().to_owned()))
}

/// `token`: the admin's, if it was made for this run. A configured one is never shown: this ends up in logs.
fn announce(cache: &Cache, addresses: &[Address], token: Option<&str>, tls: bool, output: &Output) {
    let scheme = if tls { "https" } else { "http" };
    let urls: Vec<String> = addresses
        .iter()
        .map(|address| match address {
            Address::Tcp(address) => format!("{scheme}://{address}"),
            other => other.to_string(),
        })
        .collect();
    if output.is_json() {
        output.json(&json!({ "addresses": urls, "store": cache.store().root(), "offline": cache.is_offline() }));
    } else {
        urls.iter().for_each(|url| output.line(url));
    }
    output.status(format_args!("serving {}", cache.store().root().display()));
    if let Some(url) = urls.iter().find(|url| url.starts_with("http")) {
        output.status(format_args!("to use it: export HF_ENDPOINT={url}"));
        if let Some(token) = token {
            output.status(format_args!("open in a browser: {url}/#admin={token}"));
        }
    }
}

/// Says how much is closed to strangers, and how it is opened. No model is named: this ends up in logs.
fn warn_closed_repos(closed: &ClosedRepos, has_users: bool, output: &Output) {
    if closed.models == 0 {
        return;
    }
    let ClosedRepos { models, all, restricted, .. } = *closed;
    if has_users {
        output.status(format_args!(
            "{models} of {all} models are closed to clients without a token; to open some to everyone, list them in \
             server.anonymous"
        ));
        return;
    }
    output.status(format_args!(
        "{models} of {all} models are closed while offline: {restricted} private or gated, {} of unknown visibility",
        models - restricted
    ));
    let assume = if models > restricted { ", or add --assume-public for those of unknown visibility" } else { "" };
    output.status(format_args!(
        "to open them, set `server.anonymous = [\"org/name\"]` in the configuration, or add users (`model-cache token new \
         NAME`){assume}"
    ));
    output.status("run `model-cache ls --json` for the visibility of each model");
    if models > restricted {
        output.status("run `model-cache get` while online to record the visibility of a model");
    }
}

/// Says that other sources are not open to everyone because the configuration names them.
fn warn_closed_aliases(closed: usize, output: &Output) {
    if closed > 0 {
        output.status(format_args!(
            "{closed} of [models] are closed to clients without a token: not known to be public; \
             to open them, list them in server.anonymous, or add users (`model-cache token new NAME`)"
        ));
    }
}
