//! Arguments of `config`, and those of every command that are about settings.

use std::path::PathBuf;

use cache_lib::config::Config;
use clap::{Args, Subcommand, ValueEnum, ValueHint};

/// What every command takes to find its settings.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ConfigArgs {
    /// Read this configuration file and no other (also MODEL_CACHE_CONFIG).
    #[arg(long = "config", id = "config-file", global = true, value_name = "FILE")]
    #[arg(value_hint = ValueHint::FilePath, help_heading = "Everywhere")]
    pub(crate) file: Option<PathBuf>,
    /// Log on stderr: error, warn, info, debug, trace, or a filter such as cache_net=trace (also MODEL_CACHE_LOG).
    #[arg(long, global = true, value_name = "LEVEL", help_heading = "Everywhere")]
    pub(crate) log_level: Option<String>,
    /// How a line of the log looks (also MODEL_CACHE_LOG_FORMAT).
    #[arg(long, global = true, value_enum, value_name = "FORMAT", help_heading = "Everywhere")]
    pub(crate) log_format: Option<LogStyle>,
    /// The settings, once they are read.
    #[arg(skip)]
    pub(crate) loaded: Config,
}

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogStyle {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print each setting, its value and where it comes from.
    Show {
        /// Only this key, such as store.quota, or section, such as store.
        #[arg(value_name = "KEY")]
        key: Option<String>,
    },
    /// Name all mistakes, with their lines and what would be right; exit 2 if there are any.
    Check {
        /// This file instead of those in force.
        #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
        file: Option<PathBuf>,
    },
    /// Print which configuration files are looked for, and which are there.
    Path,
    /// Print a configuration file to begin with, everything in it commented out.
    Init,
}
