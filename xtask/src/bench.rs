//! `cargo xtask bench`: this command beside others, in one run, interleaved, as ratios.

mod bucket;
mod case;
mod cases;
mod chart;
mod fixtures;
mod machine;
mod measure;
mod programs;
mod report;
mod stats;

use std::path::PathBuf;

use clap::Args;
use fs_err as fs;

use crate::bench::programs::build;
use crate::failure::Result;
use crate::shell::{root, target};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Only these cases; may be repeated. The documents are then left as they are.
    #[arg(long = "case", value_name = "NAME", value_parser = cases::NAMES)]
    cases: Vec<String>,
    /// How often each contender runs, in turns with the others.
    #[arg(long, default_value_t = 7, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    repeats: u32,
    /// Size of the large file, in MiB.
    #[arg(long, default_value_t = 2048, value_name = "MIB")]
    size: u64,
    /// Folder to measure in, on the disk that matters.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Measure the binaries as they are, without building them.
    #[arg(long)]
    no_build: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let ours = build(arguments.no_build)?;
    let folder = arguments.dir.clone().unwrap_or_else(|| target().join("bench"));
    fs::create_dir_all(&folder)?;
    let stage = fixtures::Stage::new(folder, ours, arguments.size << 20)?;
    let all = arguments.cases.is_empty();
    let mut results = Vec::new();
    for name in cases::NAMES.into_iter().filter(|name| all || arguments.cases.iter().any(|wanted| wanted == name)) {
        let case = cases::make(name, &stage)?;
        println!("\n== {name}: {}", case.title);
        let result = case.run(arguments.repeats)?;
        println!("{}", report::table(&result));
        results.push(result);
    }
    let machine = machine::describe(&stage)?;
    stage.tidy_up()?;
    if all {
        fs::write(root().join("docs/benchmarks.md"), report::page(&results, &machine, arguments.repeats))?;
        fs::write(root().join("docs/benchmarks.svg"), chart::draw(&results))?;
        println!("docs/benchmarks.md and docs/benchmarks.svg are written");
    }
    Ok(())
}
