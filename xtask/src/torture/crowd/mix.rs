//! A mixture of short operations on a few models and files that everybody uses.

use std::time::Duration;

use crate::torture::crowd::generator::Generator;
use crate::torture::crowd::hub::{Change, Fault, model_files};
use crate::torture::crowd::plan::{Expects, Operation, Signal, When};
use crate::torture::listing::commit;

/// Models that are fetched, changed, pinned, removed and evicted all the time.
pub(crate) const MODELS: u64 = 4;
/// Files of the web server likewise, plain and packed.
const FILES: u64 = 2;
/// Operations of one seat in one round.
const LENGTH: usize = 12;

const DAY: i64 = 86_400;

/// One seat's share of a round.
pub(crate) fn seat(generator: &mut Generator) -> Vec<Operation> {
    (0..LENGTH).map(|_| one(generator)).collect()
}

fn one(generator: &mut Generator) -> Operation {
    let model = format!("org/pool-{}", generator.noise.below(MODELS));
    match generator.noise.below(100) {
        0..=31 => disturbed(generator, |generator| get_model(generator, &model)),
        32..=46 => disturbed(generator, get_file),
        47..=60 => collect(generator),
        61..=68 => not_there(generator, &["rm", "--quiet", &model], &[0, 2, 3]),
        69..=74 => not_there(generator, &["pin", "--quiet", &model], &[0, 3]),
        75..=80 => not_there(generator, &["unpin", "--quiet", &model], &[0, 3]),
        81..=88 => {
            let all = generator.noise.chance(50);
            let arguments: &[&str] = if all { &["verify", "--quiet", "--all"] } else { &["verify", "--quiet", &model] };
            not_there(generator, arguments, &[0, 3])
        }
        89..=92 => not_there(generator, &["path", "--quiet", &model], &[0, 3]),
        93..=95 => not_there(generator, &["info", "--quiet", "--offline", &model], &[0, 3]),
        96..=97 => generator.operation("mix", &["ls", "--quiet", "--json"]),
        _ => generator.operation("mix", &["quarantine", "ls", "--quiet"]),
    }
}

fn not_there(generator: &mut Generator, arguments: &[&str], codes: &'static [i32]) -> Operation {
    let mut operation = generator.operation("mix", arguments);
    operation.expects = Expects::Codes(codes);
    operation
}

fn get_model(generator: &mut Generator, model: &str) -> Operation {
    let mut keys: Vec<String> = model_files(model).into_iter().map(|(key, _)| key).collect();
    let mut operation = match generator.noise.below(10) {
        0..=4 => generator.operation("mix", &["get", "--quiet", model]),
        5 => {
            keys.truncate(1);
            generator.operation("mix", &["get", "--quiet", "--include", "a.safetensors", model])
        }
        6 => generator.operation("mix", &["get", "--quiet", &format!("{model}@{}", commit(model, 0))]),
        7 => {
            let mut offline = generator.operation("mix", &["get", "--quiet", "--offline", model]);
            offline.expects = Expects::Codes(&[0, 3]);
            offline
        }
        8 => {
            let mut quota = generator.operation("mix", &["get", "--quiet", model]);
            quota.environment.push(("MODEL_CACHE_QUOTA", format!("{}KB", 300 + generator.noise.below(1000))));
            quota
        }
        _ => {
            let mut moved = generator.operation("mix", &["get", "--quiet", model]);
            moved.changes.push(Change::Version(model.to_owned()));
            moved
        }
    };
    if generator.noise.chance(15) {
        let (key, size) = generator.noise.pick(&model_files(model)).clone();
        let fault = fault(generator, size);
        operation.changes.push(Change::Fault(key, fault, 1));
    }
    operation.shows = keys;
    operation
}

fn get_file(generator: &mut Generator) -> Operation {
    let number = generator.noise.below(FILES);
    let packed = generator.noise.chance(40);
    let name = if packed { format!("packed-pool-{number}.bin.gz") } else { format!("plain-pool-{number}.bin") };
    let mut operation = generator.operation("mix", &["get", "--quiet", &format!("{{hub}}/files/{name}")]);
    if generator.noise.chance(40) {
        operation.changes.push(Change::Version(name.clone()));
    }
    if generator.noise.chance(20) {
        let fault = fault(generator, 80_000);
        operation.changes.push(Change::Fault(name.clone(), fault, 1));
    }
    operation.shows = vec![name.trim_end_matches(".gz").to_owned()];
    operation
}

/// Something that passes, and that no get may fail of.
fn fault(generator: &mut Generator, size: usize) -> Fault {
    let at = usize::try_from(generator.noise.below(size as u64)).unwrap_or_default();
    match generator.noise.below(4) {
        0 => Fault::Status(503),
        1 => Fault::Hangup,
        _ => Fault::Cut(at),
    }
}

/// Some are killed, some are stopped for a while, some have a wrong clock.
fn disturbed(generator: &mut Generator, make: impl FnOnce(&mut Generator) -> Operation) -> Operation {
    let mut operation = make(generator);
    let soon = |generator: &mut Generator| Duration::from_millis(20 + generator.noise.below(400));
    match generator.noise.below(100) {
        0..=9 => operation.signals = vec![(When::After(soon(generator)), Signal::Kill)],
        10..=14 => operation.signals = vec![(When::After(soon(generator)), Signal::Interrupt)],
        15..=24 => {
            let at = soon(generator);
            let until = at + Duration::from_millis(200 + generator.noise.below(800));
            operation.signals = vec![(When::After(at), Signal::Stop), (When::After(until), Signal::Continue)];
        }
        25..=29 => operation.clock = *generator.noise.pick(&[-DAY, 2 * 3600, 8 * DAY]),
        _ => {}
    }
    if operation.signals.iter().any(|(_, signal)| matches!(signal, Signal::Kill | Signal::Interrupt)) {
        operation.expects = Expects::Anything;
    }
    operation
}

fn collect(generator: &mut Generator) -> Operation {
    let size = format!("{}KB", 1 + generator.noise.below(900));
    let arguments: &[&str] = match generator.noise.below(5) {
        0 => &["gc", "--quiet", "--max-size", &size],
        1 => &["gc", "--quiet", "--files", "--max-size", &size],
        2 => &["gc", "--quiet", "--older-than", "1d"],
        3 => &["gc", "--quiet", "--dry-run"],
        _ => &["gc", "--quiet"],
    };
    let mut operation = generator.operation("mix", arguments);
    operation.clock = *generator.noise.pick(&[0, 0, 2 * 3600, 3 * DAY, 8 * DAY, -DAY]);
    if generator.noise.chance(10) {
        operation.signals = vec![(When::After(Duration::from_millis(20 + generator.noise.below(200))), Signal::Kill)];
        operation.expects = Expects::Anything;
    }
    operation
}
