//! `doctor`: finds problems, and how to fix them.

use cache_lib::{Cache, CacheBuilder, Finding, Result, Severity};
use serde_json::json;

use crate::args::{DoctorArgs, Shared};
use crate::output::Output;
use crate::signals;

pub(super) fn run(shared: &Shared, args: &DoctorArgs, output: &Output) -> Result<u8> {
    let findings = match super::setup::builder(shared).and_then(CacheBuilder::build) {
        Ok(cache) if args.network => network(&cache, args)?,
        Ok(cache) => signals::run(async { Ok(cache.doctor().await) })?,
        Err(error) => {
            output.error(&error);
            Vec::new()
        }
    };
    // Not even an opened store is as bad as it gets.
    let worst = findings.iter().map(|finding| finding.level).max().unwrap_or(Severity::Bad);
    if output.is_json() {
        output.json(&json!({ "findings": findings, "healthy": worst != Severity::Bad }));
    } else {
        findings.iter().for_each(|finding| output.write(&paragraph(finding)));
    }
    Ok(u8::from(worst == Severity::Bad))
}

#[cfg(feature = "http")]
fn network(cache: &Cache, args: &DoctorArgs) -> Result<Vec<Finding>> {
    signals::run(cache.doctor_network(args.what.as_deref()))
}

#[cfg(not(feature = "http"))]
fn network(_: &Cache, _: &DoctorArgs) -> Result<Vec<Finding>> {
    Err(cache_lib::Error::new(cache_lib::ErrorKind::Unsupported, "this build has no network support")
        .with_hint("build model-cache with the feature `http`"))
}

fn paragraph(finding: &Finding) -> String {
    let mark = match finding.level {
        Severity::Ok => "ok  ",
        Severity::Warn => "warn",
        Severity::Bad => "BAD ",
    };
    let fix = match &finding.fix {
        Some(fix) => format!("{:16}{fix}\n", ""),
        None => String::new(),
    };
    format!("{mark}  {:<10}{}\n{fix}", finding.area, finding.text)
}
