//! The tables, for the terminal and for docs/benchmarks.md.

use crate::bench::case::{Outcome, Runs, mebibytes};
use crate::bench::machine::Machine;
use crate::bench::stats::{Spread, ratio};

/// A case as a Markdown table: it reads well in a terminal too.
pub(crate) fn table(outcome: &Outcome) -> String {
    let mut text =
        String::from("| | median | least to most | ours is | CPU | peak memory |\n|---|---|---|---|---|---|\n");
    let ours = outcome.runs.first().map(Runs::times).unwrap_or_default();
    for (index, runs) in outcome.runs.iter().enumerate() {
        let wall = Spread::of_times(runs.times());
        let cpu = Spread::of_times(runs.costs.iter().map(|cost| cost.cpu));
        let peak = runs.costs.iter().map(|cost| cost.peak).max().unwrap_or_default();
        let beside = if index == 0 { "–".to_owned() } else { format!("{:.2} ×", ratio(&ours, &runs.times())) };
        text.push_str(&format!(
            "| {} | {} | {} to {} | {beside} | {} | {:.0} MiB |\n",
            runs.name,
            time(wall.median),
            time(wall.least),
            time(wall.most),
            time(cpu.median),
            mebibytes(peak),
        ));
    }
    text
}

fn time(seconds: f64) -> String {
    if seconds < 0.1 { format!("{:.1} ms", seconds * 1e3) } else { format!("{seconds:.2} s") }
}

/// The whole document.
pub(crate) fn page(outcomes: &[Outcome], machine: &Machine, repeats: u32) -> String {
    let mut page = format!(
        "# Benchmarks\n\nWritten by `cargo xtask bench --repeats {repeats}` from one run. Every contender runs once in each round, on the \
         same disk, after its outputs were removed and the disk was synced; the table gives medians over {repeats} rounds. \
         \"Ours is\" is our time over the other's, the median of the ratios within each round: disks and neighbours \
         disturb both alike. Peak memory is the most that one process had resident in any round.\n\n\
         ![medians of all cases](benchmarks.svg)\n\n"
    );
    page.push_str(&machine.table());
    for outcome in outcomes {
        page.push_str(&format!("\n## {}: {}\n\n{}", outcome.name, outcome.title, table(outcome)));
        let verdicts = outcome.judge();
        if !verdicts.is_empty() {
            page.push_str("\n| figure | measured | |\n|---|---|---|\n");
            for (figure, measured, reached) in verdicts {
                page.push_str(&format!("| {figure} | {measured} | {} |\n", if reached { "reached" } else { "missed" }));
            }
        }
        page.push_str("\n```sh\n");
        for runs in &outcome.runs {
            page.push_str(&format!("{}\n", machine.shorten(&runs.shown)));
        }
        page.push_str("```\n");
        for skipped in &outcome.skipped {
            page.push_str(&format!("\nSkipped: {skipped}.\n"));
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::bench::case::Figure;
    use crate::bench::measure::Cost;

    #[test]
    fn the_page_has_every_contender_figure_and_absentee() {
        let cost = |ms| Cost { wall: Duration::from_millis(ms), cpu: Duration::from_millis(ms), peak: 10 << 20 };
        let runs =
            |name: &str, ms| Runs { name: name.to_owned(), shown: format!("/b/{name}"), costs: vec![cost(ms); 3] };
        let outcome = Outcome {
            name: "small",
            title: "files".to_owned(),
            runs: vec![runs("model-cache", 50), runs("hf", 200)],
            figures: vec![Figure::Time { than: "hf".to_owned(), at_most: 0.5 }],
            skipped: vec!["wget: not here".to_owned()],
        };
        let machine = Machine::for_tests("/b");
        let page = page(&[outcome], &machine, 3);
        for part in [
            "| hf | 0.20 s |",
            "| 0.25 × |",
            "| at most 0.5 × hf | 0.25 × | reached |",
            "Skipped: wget",
            "$BENCH/hf",
            "50.0 ms",
        ] {
            assert!(page.contains(part), "{part} is not in\n{page}");
        }
    }
}
