//! The arguments, and how they are explained.

mod batch;
mod config;
mod doctor;
mod instead;
#[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
pub(crate) mod push;
mod registry;
pub(crate) mod serve;
mod stats;
mod token;

use std::path::PathBuf;
use std::time::Duration;

use cache_lib::{Error, Mirror, Sha256, units};
use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};

pub(crate) mod compressed;
pub(crate) use self::batch::BatchArgs;
pub(crate) use self::doctor::DoctorArgs;
pub(crate) use self::stats::StatsArgs;
pub(crate) use self::token::{NewTokenArgs, TokenCommand};
pub(crate) use config::{ConfigArgs, ConfigCommand, LogStyle};
pub(crate) use registry::{AddArgs, DiscoverArgs, LockArgs, OutdatedArgs, RegistryCommand, UpdateArgs};

/// Every byte of a model lands once, verified, in one store that every program can use.
#[derive(Debug, Parser)]
#[command(name = "model-cache", arg_required_else_help = true, propagate_version = false, max_term_width = 100)]
#[command(after_help = "Exit codes: 0 done, 1 failed, 2 usage, 3 not found or not cached while offline, 4 integrity, \
                        5 network, 6 not authorised, 7 no space, 130 interrupted.")]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) shared: Shared,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct Shared {
    /// Folder of the store [default: MODEL_CACHE_DIR, else model-cache in the platform's cache folder].
    #[arg(long, global = true, value_name = "DIR")]
    #[arg(value_hint = ValueHint::DirPath, help_heading = "Everywhere")]
    pub(crate) store: Option<PathBuf>,
    /// Never ask the network (also MODEL_CACHE_OFFLINE=1, HF_HUB_OFFLINE=1).
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub(crate) offline: bool,
    /// Answer in JSON on stdout.
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub(crate) json: bool,
    /// No progress and no remarks on stderr, only errors.
    #[arg(long, short, global = true, help_heading = "Everywhere")]
    pub(crate) quiet: bool,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Fetch models, verified, and print the path of the snapshot or of the one file.
    Get(GetArgs),
    /// List what the store holds.
    Ls(LsArgs),
    /// Show what a model consists of, and how much of it is here.
    Info(RefArgs),
    /// Print the path of what is in the store; exit 3 if it is not. Never asks the network.
    Path(PathArgs),
    /// Read stored files again and compare them with their digests.
    Verify(VerifyArgs),
    /// Remove models from the store.
    Rm(ManyArgs),
    /// Evict what was not used for long, and clear away what is left over.
    Gc(GcArgs),
    /// Keep a model from being evicted or removed.
    Pin(ManyArgs),
    /// Undo a pin.
    Unpin(ManyArgs),
    /// Give models names of your own, with versions, platforms and fallbacks.
    #[command(subcommand)]
    Registry(RegistryCommand),
    /// Write down commits and digests of models, for `get --locked`.
    Lock(LockArgs),
    /// Show what has moved at its source since it was fetched.
    Outdated(OutdatedArgs),
    /// Fetch what has moved: the same files that are here of the old commit.
    Update(UpdateArgs),
    /// Push a model into a bucket, each blob once, verified there.
    #[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
    Push(push::PushArgs),
    /// Serve the store as a Hub, with a page to look at: HF_ENDPOINT=http://127.0.0.1:8090 uses it.
    Serve(serve::ServeArgs),
    /// Look at files that failed verification.
    #[command(subcommand)]
    Quarantine(QuarantineCommand),
    /// Print shell lines that make other programs use this store.
    Env(EnvArgs),
    /// Find out what is wrong with this installation and how to mend it.
    Doctor(DoctorArgs),
    /// Show what gets have done: hits, bytes by source, rates, failures, and the disk by model.
    Stats(StatsArgs),
    /// Show and check the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Make tokens for users of the mirror.
    #[command(subcommand)]
    Token(TokenCommand),
    /// Print completions for a shell.
    Completions(CompletionsArgs),
    /// Show the whole job against a hub inside this program: no internet, a few seconds.
    Demo,
}

const REF_HELP: &str = "org/name, org/name@revision, org/name/file, org/name:Q4_K_M, hf://datasets/org/name, \
                        https://host/file.gguf, s3://bucket/prefix, or ./folder";

#[derive(Debug, Args)]
pub(crate) struct GetArgs {
    #[arg(required_unless_present_any = ["from", "locked"], value_name = "REF", help = REF_HELP)]
    pub(crate) refs: Vec<String>,
    #[command(flatten)]
    pub(crate) batch: BatchArgs,
    /// Exactly what this lock file says, or fail; all that is in it when no REF is given.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with_all = ["revision", "sha256"])]
    pub(crate) locked: Option<PathBuf>,
    /// Branch, tag, refs/pr/N or commit.
    #[arg(long, value_name = "R")]
    pub(crate) revision: Option<String>,
    /// Only files that match; may be repeated. `*` crosses folders, `folder/` means all in it.
    #[arg(long, value_name = "GLOB")]
    pub(crate) include: Vec<String>,
    /// No files that match; may be repeated.
    #[arg(long, value_name = "GLOB")]
    pub(crate) exclude: Vec<String>,
    /// Also place real files here, and print that path.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) to: Option<PathBuf>,
    /// With --to: hard links to the store will do where files cannot be cloned.
    #[arg(long, requires = "to")]
    pub(crate) hard_link: bool,
    /// The digest that the one wanted file must have.
    #[arg(long, value_name = "DIGEST", value_parser = sha256)]
    pub(crate) sha256: Option<Sha256>,
    /// Refuse files that come without a digest to check them against.
    #[arg(long)]
    pub(crate) require_digest: bool,
    #[command(flatten)]
    pub(crate) compressed: compressed::CompressedArgs,
    /// The most that all transfers together may take, such as 50MB/s.
    #[arg(long, value_name = "RATE", value_parser = rate)]
    pub(crate) limit_rate: Option<Rate>,
    /// Another place for the files: https://mirror.example, s3://bucket/{model}, https://host/{model} or a folder; may be
    /// repeated. `{model}` stands for org/name. It need not be trusted: what it sends is checked.
    #[arg(long, value_name = "URL", value_parser = mirror)]
    pub(crate) mirror: Vec<Mirror>,
    /// Files fetched side by side.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) jobs: Option<u16>,
    #[command(flatten)]
    pub(crate) instead: instead::InsteadArgs,
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
    pub(crate) reference: String,
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
    /// No files that match; may be repeated.
    #[arg(long, value_name = "GLOB")]
    pub(crate) exclude: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// Models, versions or files; everything when none is named.
    #[arg(value_name = "REF", conflicts_with = "all")]
    pub(crate) refs: Vec<String>,
    /// Everything in the store.
    #[arg(long)]
    pub(crate) all: bool,
    /// Fetch again what is broken: only the broken blocks, where the source can.
    #[arg(long)]
    pub(crate) repair: bool,
    /// Trust the record of an earlier check where the file was not touched since. Finds no bit rot.
    #[arg(long)]
    pub(crate) quick: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ManyArgs {
    /// Models (org/name) or versions (org/name@revision).
    #[arg(value_name = "REF", required = true)]
    pub(crate) refs: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct GcArgs {
    /// Evict the least recently used until the store is no larger, such as 10GB.
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) max_size: Option<u64>,
    /// Evict what was not used for this long, such as 30d.
    #[arg(long, value_name = "AGE", value_parser = age)]
    pub(crate) older_than: Option<Duration>,
    /// Evict single files rather than whole versions.
    #[arg(long)]
    pub(crate) files: bool,
    /// Say what would go and why, and change nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum QuarantineCommand {
    /// List the files and why they are here.
    Ls,
    /// Show all that is known of one.
    Show {
        /// As `ls` shows it.
        id: String,
    },
    /// Take one back into the store, under the digest that it really has.
    Restore {
        /// As `ls` shows it.
        id: String,
    },
    /// Delete.
    Rm {
        /// As `ls` shows them.
        #[arg(required_unless_present = "all", value_name = "ID")]
        ids: Vec<String>,
        /// All of them.
        #[arg(long, conflicts_with = "ids")]
        all: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct EnvArgs {
    /// The shell to write for [default: from $SHELL].
    #[arg(long, value_enum)]
    pub(crate) shell: Option<Dialect>,
}

/// A way to set a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Dialect {
    /// sh, bash, zsh, dash.
    #[value(alias = "bash", alias = "zsh")]
    Sh,
    /// fish.
    Fish,
    /// PowerShell.
    #[value(name = "powershell", alias = "pwsh")]
    PowerShell,
}

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell.
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

/// A limit, or none.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate(pub(crate) Option<u64>);

/// clap shows only the message: the hint has to be in it.
fn told<T>(result: Result<T, Error>) -> Result<T, String> {
    result.map_err(|error| match error.hint() {
        Some(hint) => format!("{}; {hint}", error.message()),
        None => error.message().to_owned(),
    })
}

fn mirror(text: &str) -> Result<Mirror, String> {
    told(Mirror::new(text))
}

fn rate(text: &str) -> Result<Rate, String> {
    told(units::parse_rate(text)).map(Rate)
}

fn size(text: &str) -> Result<u64, String> {
    told(units::parse_size(text))
}

fn age(text: &str) -> Result<Duration, String> {
    told(units::parse_age(text))
}

pub(crate) fn sha256(text: &str) -> Result<Sha256, String> {
    text.strip_prefix("sha256:")
        .unwrap_or(text)
        .parse()
        .map_err(|error| format!("{error}; write the 64 hexadecimal digits of a sha256"))
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
