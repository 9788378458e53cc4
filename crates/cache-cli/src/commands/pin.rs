//! `pin` and `unpin`.

use cache_lib::{Cache, Error, ErrorKind, RefText, Result};
use serde_json::json;

use crate::args::ManyArgs;
use crate::failure;
use crate::output::Output;

pub(super) fn pin(cache: &Cache, args: &ManyArgs, output: &Output) -> Result<u8> {
    each(args, output, "pinned", |reference| cache.pin(reference))
}

pub(super) fn unpin(cache: &Cache, args: &ManyArgs, output: &Output) -> Result<u8> {
    each(args, output, "unpinned", |reference| {
        if cache.unpin(reference)? {
            return Ok(());
        }
        Err(Error::new(ErrorKind::NotFound, format!("{reference} is not pinned"))
            .with_hint("run `model-cache ls` for pinned models; name the version if a version was pinned"))
    })
}

fn each(args: &ManyArgs, output: &Output, done: &str, work: impl Fn(&RefText) -> Result<()>) -> Result<u8> {
    let mut fine = Vec::new();
    let mut errors: Vec<Error> = Vec::new();
    for reference in &args.refs {
        match work(reference) {
            Ok(()) => {
                if !output.is_json() {
                    output.line(format_args!("{done} {reference}"));
                }
                fine.push(reference);
            }
            Err(error) => {
                output.error(&error);
                errors.push(error);
            }
        }
    }
    if output.is_json() {
        let errors: Vec<_> = errors.iter().map(failure::json).collect();
        output.json(&json!({ done: fine, "errors": errors }));
    }
    Ok(failure::worst(errors.iter().map(Error::kind)))
}
