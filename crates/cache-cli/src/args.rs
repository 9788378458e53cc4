//! The arguments, and how they are explained.

#[cfg(feature = "local")]
pub(crate) mod adopt;
mod batch;
#[cfg(feature = "bundle")]
pub(crate) mod bundle;
mod config;
mod doctor;
mod fallback;
pub(crate) mod help;
#[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
pub(crate) mod push;
mod registry;
pub(crate) mod serve;
mod stats;
pub(crate) mod sync;
mod time;
mod token;
mod values;

use std::path::PathBuf;
use std::time::Duration;

use cache_lib::{Mirror, RefText, Sha256};
use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};

pub(crate) mod compressed;
pub(crate) use self::batch::BatchArgs;
pub(crate) use self::doctor::DoctorArgs;
pub(crate) use self::stats::StatsArgs;
pub(crate) use self::time::TimeArgs;
pub(crate) use self::token::{NewTokenArgs, TokenCommand};
pub(crate) use self::values::sha256;
use self::values::{ByteRate, GLOBAL, REF_HELP, age, mirror, rate, size};
pub(crate) use config::{ConfigArgs, ConfigCommand, LogStyle};
pub(crate) use registry::{AddArgs, DiscoverArgs, LockArgs, OutdatedArgs, RegistryCommand, UpdateArgs};

/// Download AI models once, verified, into one local store that every program can use.
#[derive(Debug, Parser)]
#[command(name = "model-cache", arg_required_else_help = true, propagate_version = false, max_term_width = 100)]
#[command(after_help = "Exit codes: 0 done, 1 failed, 2 usage, 3 not found or not cached while offline, 4 checksum \
                        mismatch, 5 network, 6 not authorized, 7 disk full, 130 interrupted.")]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) shared: Shared,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
pub(crate) struct Shared {
    /// Store folder [default: MODEL_CACHE_DIR, or model-cache in the platform's cache folder].
    #[arg(long, global = true, value_name = "DIR")]
    #[arg(value_hint = ValueHint::DirPath, help_heading = GLOBAL)]
    pub(crate) store: Option<PathBuf>,
    /// Never use the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1).
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub(crate) offline: bool,
    /// Refuse plain http, also in redirects and mirrors (also MODEL_CACHE_HTTPS_ONLY=1).
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub(crate) https_only: bool,
    /// Print the answer as JSON on stdout.
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub(crate) json: bool,
    /// Print no progress and no warnings, only errors.
    #[arg(long, short, global = true, help_heading = GLOBAL)]
    pub(crate) quiet: bool,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Download models, verify them, and print their local path.
    Get(GetArgs),
    /// Add models that Hugging Face, Ollama or LM Studio downloaded.
    #[cfg(feature = "local")]
    Adopt(adopt::AdoptArgs),
    /// List the models in the store.
    Ls(LsArgs),
    /// Show a model's files and variants, and which are local.
    Info(RefArgs),
    /// Print the local path of a model; never uses the network.
    Path(PathArgs),
    /// Check stored files against their checksums, and repair them.
    Verify(VerifyArgs),
    /// Remove models from the store.
    Rm(ManyArgs),
    /// Free disk space: evict least recently used models, delete leftovers.
    Gc(GcArgs),
    /// Protect models from eviction and removal.
    Pin(ManyArgs),
    /// Remove the protection that `pin` gave.
    Unpin(ManyArgs),
    /// Give models short names, with versions, platforms, fallbacks.
    #[command(subcommand)]
    Registry(RegistryCommand),
    /// Write a lock file of commits and checksums, for `get --locked`.
    Lock(LockArgs),
    /// Show which local models have newer commits at their source.
    Outdated(OutdatedArgs),
    /// Download newer commits of models in the store.
    Update(UpdateArgs),
    /// Download a list of models, once or on a schedule.
    Sync(sync::SyncArgs),
    /// Upload a model to S3, Google Cloud Storage or Azure.
    #[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
    Push(push::PushArgs),
    /// Serve the store as a Hugging Face Hub mirror.
    Serve(serve::ServeArgs),
    /// Write models into one file, for machines without a network.
    #[cfg(feature = "bundle")]
    Export(bundle::ExportArgs),
    /// Add the models of a file that `export` wrote, all verified.
    #[cfg(feature = "bundle")]
    Import(bundle::ImportArgs),
    /// Create a key pair for `export --sign`, `import --verify-key`.
    #[cfg(feature = "bundle")]
    Keygen(bundle::KeygenArgs),
    /// Show, restore or delete files that failed verification.
    #[command(subcommand)]
    Quarantine(QuarantineCommand),
    /// Print shell variables that make other programs use the store.
    Env(EnvArgs),
    /// Diagnose problems of the installation and the network.
    Doctor(DoctorArgs),
    /// Show cache hits, downloads, failures and disk use.
    Stats(StatsArgs),
    /// Show and check the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Create access tokens for users of `serve`.
    #[command(subcommand)]
    Token(TokenCommand),
    /// Print shell completions.
    Completions(CompletionsArgs),
    /// Download, verify and repair a small model of a built-in hub.
    Demo,
}

#[derive(Debug, Args)]
pub(crate) struct GetArgs {
    #[arg(required_unless_present_any = ["from", "locked"], value_name = "REF", help = REF_HELP)]
    pub(crate) refs: Vec<RefText>,
    #[command(flatten)]
    pub(crate) batch: BatchArgs,
    /// Download exactly what this lock file records, or fail; without REF, all of it.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with_all = ["revision", "sha256"])]
    pub(crate) locked: Option<PathBuf>,
    /// Branch, tag, refs/pr/N or commit.
    #[arg(long, value_name = "R")]
    pub(crate) revision: Option<String>,
    /// Only files that match; may be repeated. `*` also matches `/`, `folder/` all below it.
    #[arg(long, value_name = "GLOB")]
    pub(crate) include: Vec<String>,
    /// Skip files that match; may be repeated.
    #[arg(long, value_name = "GLOB")]
    pub(crate) exclude: Vec<String>,
    /// Also place the files in this folder, and print its path.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) to: Option<PathBuf>,
    /// With --to: hard-link to the store where files cannot be cloned.
    #[arg(long, requires = "to")]
    pub(crate) hard_link: bool,
    /// Expected SHA-256 of the one file.
    #[arg(long, value_name = "DIGEST", value_parser = sha256)]
    pub(crate) sha256: Option<Sha256>,
    /// Fail for files whose source gives no checksum.
    #[arg(long)]
    pub(crate) require_digest: bool,
    #[command(flatten)]
    pub(crate) compressed: compressed::CompressedArgs,
    /// Maximum download rate of all connections together, such as 50MB/s.
    #[arg(long, value_name = "RATE", value_parser = rate)]
    pub(crate) limit_rate: Option<ByteRate>,
    /// Another source of the same files: https://mirror.example, s3://bucket/{model}, https://host/{model} or a folder,
    /// where {model} is org/name; may be repeated. What it sends is verified, so it need not be trusted.
    #[arg(long, value_name = "URL", value_parser = mirror)]
    pub(crate) mirror: Vec<Mirror>,
    /// Files downloaded in parallel.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) jobs: Option<u16>,
    #[command(flatten)]
    pub(crate) time: TimeArgs,
    #[command(flatten)]
    pub(crate) fallback: fallback::FallbackArgs,
}

#[derive(Debug, Args)]
pub(crate) struct LsArgs {
    /// Only models whose name contains this.
    #[arg(value_name = "TEXT")]
    pub(crate) filter: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct RefArgs {
    #[arg(value_name = "REF", help = REF_HELP)]
    pub(crate) reference: RefText,
    /// Branch, tag, refs/pr/N or commit.
    #[arg(long, value_name = "R")]
    pub(crate) revision: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct PathArgs {
    #[command(flatten)]
    pub(crate) what: RefArgs,
    /// Only files that match; may be repeated.
    #[arg(long, value_name = "GLOB")]
    pub(crate) include: Vec<String>,
    /// Skip files that match; may be repeated.
    #[arg(long, value_name = "GLOB")]
    pub(crate) exclude: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// Models, versions or files [default: all].
    #[arg(value_name = "REF", conflicts_with = "all")]
    pub(crate) refs: Vec<RefText>,
    /// Everything in the store.
    #[arg(long)]
    pub(crate) all: bool,
    /// Download corrupted files again; only the corrupted blocks where the source allows it.
    #[arg(long)]
    pub(crate) repair: bool,
    /// Skip files unchanged since their last check; does not find bit rot.
    #[arg(long)]
    pub(crate) quick: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ManyArgs {
    /// Models (org/name) or versions (org/name@revision).
    #[arg(value_name = "REF", required = true)]
    pub(crate) refs: Vec<RefText>,
}

#[derive(Debug, Args)]
pub(crate) struct GcArgs {
    /// Evict least recently used models until the store has this size, such as 10GB.
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) max_size: Option<u64>,
    /// Evict models unused for this long, such as 30d.
    #[arg(long, value_name = "AGE", value_parser = age)]
    pub(crate) older_than: Option<Duration>,
    /// Evict single files instead of whole models.
    #[arg(long)]
    pub(crate) files: bool,
    /// Delete partial downloads that no process resumes: all, or those without progress for AGE [default: 7d].
    #[arg(long, value_name = "AGE", value_parser = age, num_args = 0..=1, require_equals = true, default_missing_value = "0s")]
    pub(crate) partials: Option<Duration>,
    /// Show what would be deleted and why, without deleting it.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum QuarantineCommand {
    /// List the files and why they failed.
    Ls,
    /// Show the details of one file.
    Show {
        /// Id, as `quarantine ls` shows it.
        id: String,
    },
    /// Move a file back into the store, under its actual checksum.
    Restore {
        /// Id, as `quarantine ls` shows it.
        id: String,
    },
    /// Delete files from quarantine.
    Rm {
        /// Ids, as `quarantine ls` shows them.
        #[arg(required_unless_present = "all", value_name = "ID")]
        ids: Vec<String>,
        /// Delete all files in quarantine.
        #[arg(long, conflicts_with = "ids")]
        all: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct EnvArgs {
    /// Shell syntax; sh is also for bash and zsh [default: from $SHELL].
    #[arg(long, value_enum)]
    pub(crate) shell: Option<Dialect>,
}

/// A way to set a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Dialect {
    #[value(alias = "bash", alias = "zsh")]
    Sh,
    Fish,
    #[value(name = "powershell", alias = "pwsh")]
    PowerShell,
}

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// Shell to print completions for.
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_consistent() {
        crate::command().debug_assert();
    }

    fn parse(text: &str) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(text.split_whitespace())
    }

    #[test]
    fn shared_options_go_anywhere() {
        let before = parse("model-cache --json --store /s get a/b c/d").unwrap();
        let after = parse("model-cache get a/b c/d --json --store /s").unwrap();
        for arguments in [before, after] {
            assert!(arguments.shared.json);
            assert_eq!(arguments.shared.store, Some(PathBuf::from("/s")));
            assert!(matches!(arguments.command, Command::Get(get) if get.refs.len() == 2));
        }
    }

    #[test]
    fn nonsense_is_explained() {
        for (text, part) in [
            ("model-cache gc --max-size plenty", "10GB"),
            ("model-cache gc --older-than long", "30d"),
            ("model-cache get a/b --limit-rate fast", "50MB/s"),
            ("model-cache get a/b --sha256 abc", "sha256"),
            ("model-cache get a/b --jobs 0", "1024"),
            ("model-cache get a/b --fallback fits-memory:lots", "10GB"),
            ("model-cache get a/b --fallback https://h/x#md5=1", "#sha256=DIGEST&size=BYTES"),
            ("model-cache get", "REF"),
            ("model-cache quarantine rm", "ID"),
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{text}");
            assert!(error.to_string().contains(part), "{text}: {error}");
        }
    }
}
