//! `stats`: what gets have done.

use cache_lib::units::Size;
use cache_lib::{Cache, Result, Stats};

use super::text::count;
use crate::args::StatsArgs;
use crate::output::{Output, table};

pub(super) fn run(cache: &Cache, args: &StatsArgs, output: &Output) -> Result<u8> {
    let stats = cache.stats()?;
    if args.reset {
        cache.reset_stats()?;
    }
    if output.is_json() {
        output.json(&stats);
        return Ok(0);
    }
    output.write(&page(&stats));
    if stats.broken_lines > 0 {
        output.status(format_args!("warning: {} of the statistics could not be read", lines(stats.broken_lines)));
    }
    if args.reset {
        output.status("counters reset");
    }
    Ok(0)
}

fn lines(number: u64) -> String {
    count(usize::try_from(number).unwrap_or(usize::MAX), "line")
}

fn page(stats: &Stats) -> String {
    let mut text = match stats.since.and_then(|since| i64::try_from(since).ok()) {
        Some(since) => {
            let since = jiff::Timestamp::from_second(since).unwrap_or_default();
            format!("since {since}, {} downloads and hits\n\n", stats.gets)
        }
        None => "no downloads yet\n\n".to_owned(),
    };
    let mut rows = vec![
        vec!["hits".to_owned(), format!("{} files", stats.hits), Size(stats.hit_bytes).to_string()],
        vec![
            "misses".to_owned(),
            format!("{} files", stats.misses),
            format!("{} downloaded", Size(stats.fetched_bytes)),
        ],
        vec!["retries".to_owned(), stats.retries.to_string()],
        vec!["failures".to_owned(), stats.failures.values().sum::<u64>().to_string(), failures(stats)],
    ];
    rows.push(vec!["disk".to_owned(), Size(stats.disk_bytes).to_string()]);
    text += &table(&rows);
    if !stats.sources.is_empty() {
        let rows: Vec<_> = stats
            .sources
            .iter()
            .map(|source| {
                let rate = source.bytes_per_second.map_or_else(String::new, |rate| format!("{}/s", Size(rate)));
                vec![source.source.clone(), format!("{} files", source.files), Size(source.bytes).to_string(), rate]
            })
            .collect();
        text += &format!("\nsources\n{}", table(&rows));
    }
    if !stats.models.is_empty() {
        let mut rows = vec![["ON DISK", "DOWNLOADED", "HITS", "MISSES", "MODEL"].map(str::to_owned).to_vec()];
        rows.extend(stats.models.iter().map(|model| {
            vec![
                Size(model.disk_bytes).to_string(),
                Size(model.fetched_bytes).to_string(),
                model.hits.to_string(),
                model.misses.to_string(),
                model.model.clone(),
            ]
        }));
        text += &format!("\nmodels\n{}", table(&rows));
    }
    text
}

fn failures(stats: &Stats) -> String {
    stats.failures.iter().map(|(kind, number)| format!("{kind} {number}")).collect::<Vec<_>>().join(", ")
}
