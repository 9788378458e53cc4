//! `push`: a model into a bucket.

use cache_lib::units::Size;
use cache_lib::{Cache, PushReport, Result};
use serde_json::json;

use super::text::{count, short};
use crate::args::push::PushArgs;
use crate::output::Output;
use crate::progress::ProgressUi;
use crate::signals;

pub(super) fn run(cache: &Cache, args: &PushArgs, output: &Output) -> Result<u8> {
    let ui = ProgressUi::start(output.is_quiet());
    let mut push = cache
        .push(&args.reference, &args.target)
        .as_files(args.as_files)
        .read_back(args.read_back)
        .progress(ui.progress(&args.reference.public()));
    if let Some(revision) = &args.revision {
        push = push.revision(revision);
    }
    let pushed = signals::run(async { push.await });
    drop(ui);
    report(args, &pushed?, output);
    Ok(0)
}

fn report(args: &PushArgs, pushed: &PushReport, output: &Output) {
    let target = args.target.public();
    let target = target.trim_end_matches('/');
    output.status(format_args!(
        "{target}: {} is now {}; uploaded {} ({}), {} already there",
        pushed.revision,
        short(&pushed.commit),
        count(pushed.uploaded, "object"),
        Size(pushed.sent_bytes),
        count(pushed.present, "object"),
    ));
    if !output.is_json() {
        output.line(target);
        return;
    }
    output.json(&json!({
        "ref": args.reference,
        "target": target,
        "commit": pushed.commit,
        "revision": pushed.revision,
        "uploaded": pushed.uploaded,
        "present": pushed.present,
        "sent_bytes": pushed.sent_bytes,
        "bytes": pushed.bytes,
    }));
}
