//! Bars on a terminal: one a file, as many as fit, and one for all together.

use std::collections::HashMap;

use cache_lib::units::Size;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::state::{FileInProgress, FileKey, ProgressState};
use crate::output::{sanitize, shortened};

/// Most bars of single files.
const MOST: usize = 8;
/// Longest name shown.
const NAME: usize = 28;

#[derive(Debug)]
pub(super) struct Bars {
    all: MultiProgress,
    total: ProgressBar,
    files: HashMap<FileKey, ProgressBar>,
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .map(|style| style.progress_chars("━╸─"))
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}

impl Bars {
    pub(super) fn new() -> Self {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let total = all.add(ProgressBar::new(1));
        total.set_style(style("{bar:12.green} {wide_msg}"));
        Self { all, total, files: HashMap::new() }
    }

    pub(super) fn draw(&mut self, state: &ProgressState) {
        let active = state.active();
        let shown: Vec<_> = active.iter().take(MOST).collect();
        self.files.retain(|key, bar| {
            let stays = shown.iter().any(|(shown, _)| *shown == key);
            if !stays {
                bar.finish_and_clear();
                self.all.remove(bar);
            }
            stays
        });
        let several = active.windows(2).any(|pair| pair[0].0.0 != pair[1].0.0);
        for (key, file) in shown {
            let bar = self.files.entry((*key).clone()).or_insert_with(|| {
                let bar = self.all.insert_before(&self.total, ProgressBar::new(1));
                bar.set_style(style("{prefix:28} {bar:12.cyan} {wide_msg}"));
                bar.set_prefix(sanitize(&name(key, several)));
                bar
            });
            bar.set_length(file.size.unwrap_or(file.done).max(1));
            bar.set_position(file.done);
            bar.set_message(sanitize(&message(file)));
        }
        let (done, all) = state.bytes();
        self.total.set_length(all.max(1));
        self.total.set_position(done);
        let line = state.line().map(|line| sanitize(&line));
        self.total.set_message(match (line, active.len().saturating_sub(MOST)) {
            (Some(line), 0) => line,
            (Some(line), more) => format!("{line}, {more} more files"),
            (None, _) => "resolving".to_owned(),
        });
        self.total.tick();
    }

    /// Writes lines above the bars.
    pub(super) fn print(&self, lines: &[String]) {
        for line in lines {
            // A terminal that went away is no failure of the work.
            let _ = self.all.println(sanitize(line));
        }
    }

    pub(super) fn clear(&self) {
        let _ = self.all.clear();
    }
}

fn message(file: &FileInProgress) -> String {
    let done = match file.size {
        Some(size) => format!("{} of {}", Size(file.done), Size(size)),
        None => Size(file.done).to_string(),
    };
    match (file.waiting, file.host.as_str()) {
        (true, _) => format!("{done}, downloaded by another process"),
        (false, "") => done,
        (false, host) => format!("{done}, {host}"),
    }
}

/// The name of a file, shortened in the middle to fit its column.
fn name((label, path): &FileKey, several: bool) -> String {
    let whole = if several { format!("{label}/{path}") } else { path.to_string() };
    shortened(&whole, NAME).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use cache_lib::RepoPath;

    #[test]
    fn long_name_keeps_both_ends() {
        let key = ("o/n".to_owned(), RepoPath::parse(&format!("{}/model.bin", "d".repeat(60))).unwrap());
        let name = name(&key, true);
        assert_eq!(name.chars().count(), NAME);
        assert!(name.starts_with("o/n/d") && name.contains('…') && name.ends_with("/model.bin"));
    }
}
