//! Arguments of `config`, and those of every command that are about settings.

use std::path::PathBuf;

use cache_config::Config;
use clap::{Args, Subcommand, ValueEnum, ValueHint};

/// Options of every command that concern settings.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ConfigArgs {
    /// Use only this configuration file (also MODEL_CACHE_CONFIG).
    #[arg(long = "config", id = "config-file", global = true, value_name = "FILE")]
    #[arg(value_hint = ValueHint::FilePath, help_heading = super::values::GLOBAL)]
    pub(crate) file: Option<PathBuf>,
    /// Log to stderr: error, warn, info, debug, trace or a filter such as cache_net=trace (also MODEL_CACHE_LOG).
    #[arg(long, global = true, value_name = "LEVEL", help_heading = super::values::GLOBAL)]
    pub(crate) log_level: Option<String>,
    /// Format of log lines (also MODEL_CACHE_LOG_FORMAT).
    #[arg(long, global = true, value_enum, value_name = "FORMAT", help_heading = super::values::GLOBAL)]
    pub(crate) log_format: Option<LogStyle>,
    /// The loaded settings.
    #[arg(skip)]
    pub(crate) loaded: Config,
}

/// Format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogStyle {
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print settings, their values and where they are set.
    Show {
        /// A key, such as store.quota, or a section, such as store [default: all].
        #[arg(value_name = "KEY")]
        key: Option<String>,
    },
    /// Check for mistakes, and exit with 2 if there are any.
    Check {
        /// Check this file [default: the files in use].
        #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
        file: Option<PathBuf>,
    },
    /// Print where configuration files are looked for.
    Path,
    /// Print a configuration file with every key commented out.
    Init,
}
