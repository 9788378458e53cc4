//! `rm`: out of the store.

use cache_lib::units::Size;
use cache_lib::{Cache, Error, Result};
use serde_json::json;

use super::text::short;
use crate::args::ManyArgs;
use crate::failure;
use crate::output::Output;

pub(super) fn run(cache: &Cache, args: &ManyArgs, output: &Output) -> Result<u8> {
    let mut errors: Vec<Error> = Vec::new();
    let mut removed = Vec::new();
    let mut freed = 0;
    for reference in &args.refs {
        match cache.remove(reference) {
            Ok(versions) => {
                for (version, report) in versions {
                    freed += report.freed;
                    if !output.is_json() {
                        let commit = short(&version.commit);
                        output.line(format_args!("removed {}@{commit}, {} freed", version.model, Size(report.freed)));
                    }
                    removed.push(json!({
                        "model": version.model, "commit": version.commit, "freed_bytes": report.freed,
                    }));
                }
            }
            Err(error) => {
                output.error(&error);
                errors.push(error);
            }
        }
    }
    if output.is_json() {
        let errors: Vec<_> = errors.iter().map(failure::json).collect();
        output.json(&json!({ "removed": removed, "freed_bytes": freed, "errors": errors }));
    }
    Ok(failure::worst(errors.iter().map(Error::kind)))
}
