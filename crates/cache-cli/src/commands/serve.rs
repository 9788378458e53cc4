//! `serve`: the store as a Hub.

use cache_lib::config::{Config, Settings, TokenRef};
use cache_lib::{Cache, Result};
use cache_server::{Address, Listen, NewToken, Server, ServerConfig, TlsFiles};
use serde_json::json;

use crate::args::Shared;
use crate::args::serve::ServeArgs;
use crate::output::Output;
use crate::signals;

pub(super) fn run(shared: &Shared, args: &ServeArgs, output: &Output) -> Result<u8> {
    let mut builder = super::builder(shared);
    if let Some(upstream) = &args.upstream {
        builder = builder.endpoint(upstream);
    }
    if let Some(bytes) = args.max_size {
        builder = builder.quota(bytes);
    }
    let cache = builder.build()?;
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
        let server = Server::bind(cache.clone(), config).await?.reloading(reload);
        announce(&cache, &server.addresses()?, shown.as_deref(), tls, output);
        server.run(stop, hangup).await
    })?;
    output.remark("stopped");
    Ok(0)
}

fn configuration(settings: &Settings, args: &ServeArgs) -> Result<ServerConfig> {
    let mut config = ServerConfig::from_settings(settings)?;
    if !args.listen.is_empty() {
        config.listen = args.listen.iter().map(|text| text.parse()).collect::<Result<Vec<Listen>>>()?;
    }
    config.hosts.extend(args.host.iter().cloned());
    config.insecure_public = args.insecure_public;
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

/// `token`: the admin's, if it was made for this run. One that was configured is shown to nobody: this ends up in logs.
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
    output.remark(format_args!("serving {}", cache.store().root().display()));
    if let Some(url) = urls.iter().find(|url| url.starts_with("http")) {
        output.remark(format_args!("use it: export HF_ENDPOINT={url}"));
        if let Some(token) = token {
            output.remark(format_args!("look at it: {url}/#admin={token}"));
        }
    }
}
