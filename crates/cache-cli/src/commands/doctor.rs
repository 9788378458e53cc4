//! `doctor`: what is wrong, and how to mend it.

use cache_lib::{Finding, Level, Result};
use serde_json::json;

use crate::args::Shared;
use crate::output::Output;
use crate::signals;

pub(super) fn run(shared: &Shared, output: &Output) -> Result<u8> {
    let findings = match super::open(shared) {
        Ok(cache) => signals::run(async { Ok(cache.doctor().await) })?,
        Err(error) => {
            output.tell(&error);
            Vec::new()
        }
    };
    // Not even an opened store is as bad as it gets.
    let worst = findings.iter().map(|finding| finding.level).max().unwrap_or(Level::Bad);
    if output.is_json() {
        output.json(&json!({ "findings": findings, "healthy": worst != Level::Bad }));
    } else {
        findings.iter().for_each(|finding| output.write(&paragraph(finding)));
    }
    Ok(u8::from(worst == Level::Bad))
}

fn paragraph(finding: &Finding) -> String {
    let mark = match finding.level {
        Level::Ok => "ok  ",
        Level::Warn => "warn",
        Level::Bad => "BAD ",
    };
    let mend = match &finding.mend {
        Some(mend) => format!("{:16}{mend}\n", ""),
        None => String::new(),
    };
    format!("{mark}  {:<10}{}\n{mend}", finding.area, finding.text)
}
