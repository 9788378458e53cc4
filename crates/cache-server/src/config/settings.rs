//! [`ServerConfig`] from what was configured, and what of it would leave the store open to everyone.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use cache_config::{ModelSettings, ServerSettings, Settings, UserSettings};
use cache_lib::{Error, ErrorKind, ModelId, ModelRef, Result};

use super::{Listen, ModelAlias, ServerConfig, Stream, TlsFiles, User};
use crate::globs::globs;

impl ServerConfig {
    /// What the sections `[server]`, `[users]` and `[models]` say. Reads the admin's token from where it is.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] with the key that is mistaken, and what would be right. No token is part of it.
    pub fn from_settings(settings: &Settings) -> Result<Self> {
        let ServerSettings { listen, hosts, upstream, anonymous, rate, .. } = &settings.server;
        let said = &settings.server;
        let mut config = Self::default();
        if !listen.is_empty() {
            config.listen = listen.iter().map(|text| text.parse()).collect::<Result<_>>()?;
        }
        config.hosts.clone_from(hosts);
        config.refresh = said.refresh.unwrap_or(config.refresh);
        config.negative = said.negative.unwrap_or(config.negative);
        config.stream = if said.verified_only { Stream::VerifiedOnly } else { Stream::Arriving };
        globs("server.upstream", upstream)?;
        globs("server.anonymous", anonymous)?;
        config.upstream.clone_from(upstream);
        config.anonymous.clone_from(anonymous);
        config.users = settings.users.iter().map(read_user).collect::<Result<_>>()?;
        config.models = settings.models.iter().map(read_model).collect::<Result<BTreeMap<_, _>>>()?;
        config.gated_as_hub = said.gated_as_hub;
        config.open_metrics = said.open_metrics.unwrap_or(false);
        config.admin_token = said.admin_token.as_ref().map(|token| token.read()).transpose()?;
        config.rate = rate.or(config.rate);
        config.unknown_rate = said.unknown_rate.or(config.unknown_rate);
        config.connections = said.connections.unwrap_or(config.connections);
        config.connections_per_client = said.connections_per_client.or(config.connections_per_client);
        config.tls = match (&said.tls_certificate, &said.tls_key) {
            (Some(certificate), Some(key)) => Some(TlsFiles { certificate: certificate.clone(), key: key.clone() }),
            (None, None) => None,
            _ => {
                return Err(usage("of server.tls-certificate and server.tls-key one is missing")
                    .with_hint("TLS needs both: the chain of certificates and its private key"));
            }
        };
        Ok(config)
    }

    /// Refuses to serve everyone by mistake: addresses that other machines can reach need users, or
    /// [`insecure_public`](Self::insecure_public).
    ///
    /// # Errors
    /// [`ErrorKind::Usage`], naming the first such address.
    pub fn check_exposure(&self, addresses: &[SocketAddr]) -> Result<()> {
        let open = addresses.iter().find(|address| !address.ip().to_canonical().is_loopback());
        match open {
            Some(address) if self.users.is_empty() && !self.insecure_public => {
                Err(usage(format!("{address} is reachable from other machines, and no token would be required"))
                    .with_hint("add users, or listen on 127.0.0.1")
                    .with_reason(cache_lib::Reason::PublicWithoutTokens))
            }
            _ => Ok(()),
        }
    }
}

impl std::str::FromStr for Listen {
    type Err = Error;

    /// `ADDRESS:PORT`, `:PORT` for loopback, `unix:PATH` or `systemd`.
    fn from_str(text: &str) -> Result<Self> {
        let text = text.trim();
        let loopback = text.strip_prefix(':').or_else(|| text.strip_prefix("localhost:"));
        let tcp = match loopback {
            Some(port) => format!("127.0.0.1:{port}").parse(),
            None => text.parse(),
        };
        match text.strip_prefix("unix:") {
            Some(path) if !path.is_empty() => return Ok(Self::Unix(path.into())),
            None if text == "systemd" => return Ok(Self::Systemd),
            _ => {}
        }
        tcp.map(Self::Tcp).map_err(|_| {
            usage(format!("{text:?} is not an address to listen on"))
                .with_hint("write 127.0.0.1:8090, [::1]:8090, unix:/run/model-cache.sock or systemd")
        })
    }
}

fn usage(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Usage, message)
}

fn read_user((name, said): (&String, &UserSettings)) -> Result<(String, User)> {
    // The text is not repeated: it may be the token itself.
    let token_sha256 = said.token_sha256.trim().parse().map_err(|_| {
        usage(format!("users.{name}.token-sha256 is missing or not a SHA-256"))
            .with_hint("write the SHA-256 of the token, not the token")
            .with_reason(cache_lib::Reason::TokenHash)
    })?;
    globs(&format!("users.{name}.read"), &said.read)?;
    Ok((name.clone(), User { token_sha256, read: said.read.clone() }))
}

fn read_model((name, said): (&String, &ModelSettings)) -> Result<(String, ModelAlias)> {
    let repo = format!("hf://{name}").parse::<ModelRef>();
    let whole = |repo: &ModelRef| {
        matches!(repo.model, ModelId::Hub { .. })
            && repo.revision.is_none()
            && repo.path.is_none()
            && repo.variant.is_none()
    };
    if !repo.is_ok_and(|repo| whole(&repo)) {
        return Err(usage(format!("models.{name:?} is not the name of a repository"))
            .with_hint("write [models.\"org/name\"], or \"datasets/org/name\""));
    }
    if said.from.trim().is_empty() {
        return Err(usage(format!("models.{name:?} has no source"))
            .with_hint("add from = \"s3://bucket/prefix\", a folder, a URL or a registered name"));
    }
    Ok((name.clone(), ModelAlias { from: said.from.trim().to_owned() }))
}
