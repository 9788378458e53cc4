//! `cargo xtask ci`: everything that must hold before a change lands, in one command.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use clap::Args;

use crate::failure::Result;
use crate::shell::{self, cargo, found};
use crate::tests_run::{self, Count};
use crate::{fuzz, generate, tidy, tools, torture};

/// The whole workspace, with the command inside xtask, so that every step shares one build.
const ALL: &[&str] = &["--workspace", "--features", "xtask/gen"];

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Only these steps; may be repeated.
    #[arg(long, value_name = "STEP", value_parser = names())]
    only: Vec<String>,
    /// Not these steps; may be repeated.
    #[arg(long, value_name = "STEP", value_parser = names())]
    skip: Vec<String>,
    /// Also what is too heavy for every run: torch, several GB, for the tests that run a model.
    #[arg(long, value_name = "EXTRA", value_parser = ["torch"])]
    with: Vec<String>,
}

struct Step {
    name: &'static str,
    /// Takes the count of tests, and the commands of `cargo xtask`.
    run: fn(&mut Count, &BTreeSet<String>) -> Result<()>,
}

/// Cheap ones first; what shares a build stands together.
const STEPS: &[Step] = &[
    Step { name: "fmt", run: |_, _| shell::run(&mut cargo(&["fmt", "--all", "--check"])) },
    Step { name: "tidy", run: |_, tasks| tidy::run(tidy::Arguments::default(), tasks.clone()) },
    Step { name: "clippy", run: |_, _| clippy() },
    Step { name: "test", run: |count, _| test(count) },
    Step { name: "doctest", run: |count, _| doctest(count) },
    Step { name: "gen", run: |_, _| generate::run(&generate::Arguments { check: true }) },
    Step { name: "docs", run: |_, _| docs() },
    Step { name: "features", run: |_, _| features() },
    Step { name: "deny", run: |_, _| deny() },
    Step { name: "fuzz", run: |count, _| fuzz::minute(count) },
    Step { name: "torture", run: |_, _| torture::quick() },
];

fn names() -> clap::builder::PossibleValuesParser {
    STEPS.iter().map(|step| step.name).collect::<Vec<_>>().into()
}

fn clippy() -> Result<()> {
    shell::run(cargo(&["clippy"]).args(ALL).args(["--all-targets", "--", "-D", "warnings"]))
}

fn test(count: &mut Count) -> Result<()> {
    tools::subcommand("cargo-nextest")?;
    tools::venv()?;
    tools::node()?;
    tests_run::run(cargo(&["nextest", "run"]).args(ALL), count)
}

fn doctest(count: &mut Count) -> Result<()> {
    tests_run::run(cargo(&["test", "--doc", "--quiet"]).args(ALL), count)
}

fn docs() -> Result<()> {
    shell::run(cargo(&["doc", "--no-deps"]).args(ALL).env("RUSTDOCFLAGS", "-D warnings"))
}

/// The advisory database needs the internet; everything else is checked.
fn deny() -> Result<()> {
    tools::subcommand("cargo-deny")?;
    shell::run(&mut cargo(&["deny", "--all-features", "check", "bans", "licenses", "sources"]))
}

/// Every backend of the library alone builds, and the library without any; traces are exported where built in.
fn features() -> Result<()> {
    let mut sets = vec!["", "local", "http", "hf", "compressed", "s3", "gcs", "azure", "http,rustls", "hf,rustls"];
    if openssl() {
        sets.extend(["http,native-tls", "hf,native-tls"]);
    } else {
        println!("skipped: native-tls, the development files of OpenSSL are not installed");
    }
    // Compiled in only on request; its tests talk to a collector of their own.
    shell::run(&mut cargo(&[
        "clippy",
        "--quiet",
        "--package",
        "cache-cli",
        "--features",
        "otel",
        "--",
        "-D",
        "warnings",
    ]))?;
    shell::run(&mut cargo(&["test", "--quiet", "--package", "cache-server", "--features", "otel", "otel"]))?;
    for set in sets {
        shell::run(&mut cargo(&[
            "check",
            "--quiet",
            "--package",
            "cache-lib",
            "--no-default-features",
            "--features",
            set,
        ]))?;
    }
    // Over the library without any backend.
    shell::run(&mut cargo(&["check", "--quiet", "--package", "cache-config", "--package", "cache-bundle"]))
}

fn openssl() -> bool {
    found("pkg-config").is_some_and(|tool| {
        std::process::Command::new(tool).args(["--exists", "openssl"]).status().is_ok_and(|status| status.success())
    })
}

struct Outcome {
    name: &'static str,
    took: Duration,
    error: Option<String>,
}

/// Runs the chosen steps, all of them even when one fails; fails when any did.
pub(crate) fn run(arguments: &Arguments, tasks: &BTreeSet<String>) -> Result<()> {
    let chosen = |name: &str| {
        let listed = |list: &[String]| list.iter().any(|other| other == name);
        (arguments.only.is_empty() || listed(&arguments.only)) && !listed(&arguments.skip)
    };
    if !arguments.with.is_empty() {
        tools::torch()?;
    }
    let mut count = Count::default();
    let mut outcomes = Vec::new();
    for step in STEPS.iter().filter(|step| chosen(step.name)) {
        println!("\n== {}", step.name);
        let start = Instant::now();
        let error = (step.run)(&mut count, tasks).err().map(|error| error.to_string());
        if let Some(error) = &error {
            println!("failed: {error}");
        }
        outcomes.push(Outcome { name: step.name, took: start.elapsed(), error });
    }
    println!("\n{}", summary(&outcomes));
    if count != Count::default() {
        println!("{count}");
    }
    let failed: Vec<_> =
        outcomes.iter().filter(|outcome| outcome.error.is_some()).map(|outcome| outcome.name).collect();
    // The count stays the last line: whoever reads the log looks for it there.
    if failed.is_empty() { Ok(()) } else { std::process::exit(1) }
}

fn summary(outcomes: &[Outcome]) -> String {
    let mut text = String::new();
    for outcome in outcomes {
        let mark = if outcome.error.is_none() { "ok" } else { "FAILED" };
        text.push_str(&format!("{:<10}{:<8}{:>7.1} s\n", outcome.name, mark, outcome.took.as_secs_f64()));
    }
    for outcome in outcomes {
        if let Some(error) = &outcome.error {
            text.push_str(&format!("{}: {error}\n", outcome.name));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_names_what_failed() {
        let outcomes = [
            Outcome { name: "fmt", took: Duration::from_millis(1500), error: None },
            Outcome { name: "deny", took: Duration::from_secs(60), error: Some("no".to_owned()) },
        ];
        let text = summary(&outcomes);
        assert!(text.contains("fmt       ok          1.5 s"), "{text}");
        assert!(text.contains("deny: no"), "{text}");
    }

    #[test]
    fn every_step_has_its_own_name() {
        let mut names: Vec<_> = STEPS.iter().map(|step| step.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), STEPS.len());
    }
}
