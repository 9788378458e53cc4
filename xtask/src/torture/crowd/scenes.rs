//! Scenes: operations of one or two seats that provoke one kind of harm, with numbers drawn from the seed.

use std::time::Duration;

use crate::torture::crowd::generator::Generator;
use crate::torture::crowd::hub::{Change, Fault, model_files};
use crate::torture::crowd::plan::{Ask, Expects, LEADER_TIMEOUT, Operation, Sent, Signal, When};

pub(crate) type Scene = fn(&mut Generator) -> Vec<Vec<Operation>>;

pub(crate) const ALL: [Scene; 7] = [robbed, stopped, spliced, cancelled, throttled, corrupted, mirrored];

const HOUR: i64 = 3600;

/// `get` of a model that shows all its files.
fn get(generator: &mut Generator, scene: &'static str, model: &str) -> Operation {
    let mut get = generator.operation(scene, &["get", "--quiet", model]);
    get.shows = keys(model);
    get
}

fn timeout() -> (&'static str, String) {
    ("MODEL_CACHE_LEADER_TIMEOUT", format!("{}s", LEADER_TIMEOUT.as_secs()))
}

fn keys(model: &str) -> Vec<String> {
    model_files(model).into_iter().map(|(key, _)| key).collect()
}

fn sizes(model: &str) -> Vec<(String, u64)> {
    model_files(model).into_iter().map(|(key, size)| (key, size as u64)).collect()
}

/// A connection at a time: idle ones may fetch the end of a slow file a second time.
fn single(operation: &mut Operation) {
    operation.environment.push(("MODEL_CACHE_CONNECTIONS", "1".to_owned()));
}

/// A long get of several files beside collectors, some with a clock that is two hours ahead: none of its files is
/// fetched twice, whether it is killed half-way or not.
fn robbed(generator: &mut Generator) -> Vec<Vec<Operation>> {
    let model = format!("org/long-{}", generator.number());
    let killed = generator.noise.chance(30);
    let mut long = get(generator, "robbed", &model);
    single(&mut long);
    let by = long.number;
    let at = |bytes| When::Sent { file: model.clone(), bytes, by };
    let whole = |percent, resumes| Some(Sent { files: sizes(&model), percent, resumes });
    long.sent = whole(105, false);
    let mut seat = vec![long];
    if killed {
        seat[0].signals = vec![(at(350_000 + generator.noise.below(100_000)), Signal::Kill)];
        seat[0].expects = Expects::Anything;
        seat[0].shows.clear();
        seat[0].sent = None;
        let mut again = get(generator, "robbed", &model);
        single(&mut again);
        // What came after the last note is lost; a finished file would be more.
        again.sent = whole(135, true);
        let mut early = generator.operation("robbed", &["gc", "--quiet"]);
        early.clock = 2 * HOUR;
        seat.extend([early, again]);
    }
    let mut thieves = Vec::new();
    for bytes in [300_000, 400_000, 500_000] {
        let ahead = killed || generator.noise.chance(60);
        let size = format!("{}KB", 1 + generator.noise.below(200));
        let arguments: &[&str] = match (ahead, generator.noise.below(3)) {
            (true, _) => &["gc", "--quiet"],
            (false, 0) => &["gc", "--quiet", "--files", "--max-size", &size],
            (false, _) => &["gc", "--quiet", "--max-size", &size],
        };
        let mut thief = generator.operation("robbed", arguments);
        thief.clock = if ahead { 2 * HOUR } else { 0 };
        thief.starts = at(bytes);
        thieves.push(thief);
    }
    vec![seat, thieves]
}

/// A stopped leader: a waiting get and a client of a mirror still get the file.
fn stopped(generator: &mut Generator) -> Vec<Vec<Operation>> {
    let model = format!("org/stop-{}", generator.number());
    let file = format!("{model}/a.safetensors");
    let mut leader = get(generator, "stopped", &model);
    let by = leader.number;
    let sent = |bytes| When::Sent { file: file.clone(), bytes, by };
    let limit = LEADER_TIMEOUT + Duration::from_secs(5 + 10);
    let mirror = generator.noise.chance(40);
    let mut waiter = if mirror { serve(generator, "stopped") } else { get(generator, "stopped", &model) };
    leader.environment.push(timeout());
    waiter.environment.push(timeout());
    if mirror {
        let starts = sent(150_000);
        let file = "a.safetensors".to_owned();
        waiter.asks = vec![Ask { may_be_refused: false, model, file, from: None, most: None, starts, limit }];
    } else {
        waiter.starts = sent(50_000 + generator.noise.below(80_000));
        waiter.limit = limit;
    }
    let stop = sent(150_000 + generator.noise.below(50_000));
    leader.signals = vec![(stop, Signal::Stop), (When::Ended(waiter.number), Signal::Continue)];
    leader.expects = Expects::Anything;
    leader.shows.clear();
    vec![vec![leader], vec![waiter]]
}

/// A file of which nothing vouches changes between two runs, or while its body breaks off: never a mixture.
fn spliced(generator: &mut Generator) -> Vec<Vec<Operation>> {
    let name = match generator.noise.below(10) {
        0..=5 => format!("plain-{}.bin", generator.number()),
        6..=7 => format!("packed-{}.bin.gz", generator.number()),
        _ => format!("unsized-{}.bin", generator.number()),
    };
    let url = format!("{{hub}}/files/{name}");
    let shown = name.trim_end_matches(".gz").to_owned();
    let at = 330_000 + generator.noise.below(200_000);
    let mut first = generator.operation("spliced", &["get", "--quiet", &url]);
    if generator.noise.chance(80) {
        let signal = if generator.noise.chance(70) { Signal::Kill } else { Signal::Interrupt };
        first.signals = vec![(When::Sent { file: name.clone(), bytes: at, by: first.number }, signal)];
        first.expects = Expects::Anything;
    } else {
        let cut = Fault::CutAndChange(usize::try_from(at).unwrap_or_default());
        first.changes = vec![Change::Fault(name.clone(), cut, 1)];
        // It may say that the file changed.
        first.expects = Expects::Codes(&[0, 4, 5]);
    }
    let mut second = generator.operation("spliced", &["get", "--quiet", &url]);
    second.changes = vec![Change::Version(name)];
    second.shows = vec![shown];
    vec![vec![first, second]]
}

/// A get is interrupted, most often while a sync of its journal takes long, and another waits for its file: that goes on
/// from where the first was, and leaves no twin behind.
fn cancelled(generator: &mut Generator) -> Vec<Vec<Operation>> {
    let model = format!("org/sync-{}", generator.number());
    let files = sizes(&model);
    let (file, size) = files.first().cloned().unwrap_or_default();
    let slow = generator.noise.chance(75);
    let mut first = get(generator, "cancelled", &model);
    single(&mut first);
    let by = first.number;
    let sent = |bytes| When::Sent { file: file.clone(), bytes, by };
    let signal = if slow || generator.noise.chance(50) { Signal::Interrupt } else { Signal::Kill };
    // The journal is synced after 5 s, which is at half a million bytes.
    first.signals = vec![(sent(600_000 + generator.noise.below(50_000)), signal)];
    if slow {
        first.environment.push(("MODEL_CACHE_FAILPOINT", "sync.data=pause:3000".to_owned()));
    }
    first.expects = Expects::Anything;
    first.shows.clear();
    let mut second = get(generator, "cancelled", &model);
    single(&mut second);
    second.starts = sent(200_000 + generator.noise.below(200_000));
    second.sent = Some(Sent { files, percent: 130, resumes: true });
    second.twin = Some(size);
    vec![vec![first], vec![second]]
}

/// A get with a limit far below what the link carries: nothing is fetched twice.
fn throttled(generator: &mut Generator) -> Vec<Vec<Operation>> {
    let model = format!("org/limit-{}", generator.number());
    let rate = format!("{}KB/s", 30 + generator.noise.below(11));
    let mut limited = generator.operation("throttled", &["get", "--quiet", "--limit-rate", &rate, &model]);
    limited.shows = keys(&model);
    limited.sent = Some(Sent { files: sizes(&model), percent: 105, resumes: false });
    vec![vec![limited]]
}

/// A hub that sends one wrong byte: refused, and right the next time.
fn corrupted(generator: &mut Generator) -> Vec<Vec<Operation>> {
    let model = format!("org/lie-{}", generator.number());
    let at = usize::try_from(generator.noise.below(60_000)).unwrap_or_default();
    let fault = Change::Fault(format!("{model}/b.safetensors"), Fault::Flip(at), 1);
    let mut wrong = generator.operation("corrupted", &["get", "--quiet", &model]);
    wrong.changes = vec![fault];
    wrong.expects = Expects::Codes(&[4]);
    let right = get(generator, "corrupted", &model);
    vec![vec![wrong, right]]
}

fn serve(generator: &mut Generator, scene: &'static str) -> Operation {
    generator.operation(scene, &["serve", "--quiet", "--listen", "127.0.0.1:0"])
}

/// A mirror on the same store, and clients that come for parts, hang up and come back.
fn mirrored(generator: &mut Generator) -> Vec<Vec<Operation>> {
    let mut mirror = serve(generator, "mirrored");
    for _ in 0..12 {
        let model = format!("org/pool-{}", generator.noise.below(super::mix::MODELS));
        let file = (*generator.noise.pick(&["a.safetensors", "b.safetensors", "config.json", "sub/c.json"])).to_owned();
        let from = generator.noise.chance(40).then(|| generator.noise.below(400));
        let most = generator.noise.chance(30).then_some(20_000);
        let limit = Duration::from_secs(30);
        mirror.asks.push(Ask { may_be_refused: true, model, file, from, most, starts: When::Free, limit });
    }
    vec![vec![mirror]]
}
