//! The mirror against a hub with every fault at random, and clients that resume. What must hold: no client ends well with
//! wrong bytes, what is cached is answered at once, the hub is asked no more than the rules allow, memory stays small.
//!
//! A defence of the mirror gets a mutant (`cache_core::failpoints::Mutant`), and its name here.

mod clients;
mod hub;
mod mirror;
mod times;

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::failure::Result;
use crate::torture::content::Noise;
use crate::torture::listing::commit;
use crate::torture::locked::lock;
use crate::torture::plan::{Plan, Tally};
use crate::torture::setup::Setup;
use crate::torture::upstream::clients::{Kind, Tools};
use crate::torture::upstream::hub::{HOT, Hub};
use crate::torture::upstream::mirror::Mirror;
use crate::torture::upstream::times::{About, Times};
use crate::torture::web;

pub(crate) const MUTANTS: [&str; 4] = ["resume-after-failure", "no-stale-answers", "no-pacing", "no-path-limits"];

/// Clients at a time.
const CLIENTS: u64 = 20;
/// Clients that want the same file, one after the other or at once. All come from one address, and each new model is an
/// unknown name.
const SHARED: u64 = 10;
/// How often a client tries before it gives up.
const ATTEMPTS: usize = 4;
/// Longest wait for an answer about what is cached; the hub is silent for longer.
const STANDSTILL: Duration = Duration::from_secs(5);
/// The shortest run whose times are judged: a short one beside other work says little of them.
const LONG: Duration = Duration::from_secs(300);
/// Anonymous memory of the mirror, in bytes.
const MEMORY: u64 = 64 << 20;
/// Between two questions for what is cached.
const PROBE: Duration = Duration::from_millis(20);
/// Between two listings of a model with deep paths.
const DEEP: Duration = Duration::from_secs(3);
/// From the start to the first kill: after the hub's silence, which ends questions that wait for it.
const FIRST_KILL: Duration = Duration::from_secs(16);
/// Between two looks at the mirror's memory.
const LOOK: Duration = Duration::from_millis(100);

/// What all threads see.
struct Stage<'a> {
    seed: u64,
    hub: &'a Hub,
    mirror: Mirror<'a>,
    tools: Tools,
    tally: Mutex<Tally>,
    stop: AtomicBool,
    /// Files that clients have begun to fetch.
    begun: AtomicU64,
    /// Files that came whole and right, by client.
    right: Mutex<[u64; Kind::ALL.len()]>,
    times: Times,
}

pub(crate) fn run(setup: &Setup, plan: &Plan) -> Result<Tally> {
    println!("upstream: seed {}", plan.seed);
    let began = Instant::now();
    let hub = Hub::start(plan.seed)?;
    let tools = Tools::find();
    for kind in Kind::ALL.iter().filter(|kind| !tools.has(**kind)) {
        println!("skipped: upstream: {} is not there", kind.name());
    }
    let mirror = Mirror::start(setup, &hub.url, plan.mutant)?;
    warm(&mirror)?;
    hub.misbehave();
    let stage = Stage {
        seed: plan.seed,
        hub: &hub,
        mirror,
        tools,
        tally: Mutex::default(),
        stop: AtomicBool::new(false),
        begun: AtomicU64::new(0),
        right: Mutex::default(),
        times: Times::default(),
    };
    std::thread::scope(|scope| -> Result<()> {
        let stage = &stage;
        let mut threads: Vec<_> = (0..CLIENTS).map(|seat| scope.spawn(move || stage.client(seat))).collect();
        threads.push(scope.spawn(move || stage.probe()));
        threads.push(scope.spawn(move || stage.watch()));
        threads.push(scope.spawn(move || stage.invent()));
        let caught = || plan.mutant.is_some() && !hub.violations().is_empty();
        while !lock(&stage.tally).enough(plan) && !caught() && threads.iter().all(|thread| !thread.is_finished()) {
            std::thread::sleep(LOOK);
        }
        stage.stop.store(true, Ordering::Relaxed);
        for thread in threads {
            thread.join().map_err(|_| "a thread panicked")??;
        }
        Ok(())
    })?;
    stage.times.read(&stage.mirror.stop()?);
    let is_long = plan.until.is_none_or(|until| until.saturating_duration_since(began) >= LONG);
    Ok(stage.judge(plan.mutant.is_none() && is_long))
}

/// Has the mirror fetch what is cached from then on.
fn warm(mirror: &Mirror<'_>) -> Result<()> {
    for path in (0..HOT).flat_map(hot) {
        let got = web::get(&mirror.url, &path, None, None, Duration::from_secs(20))?;
        if got.status != 200 || !got.whole {
            return Err(format!("GET {path} of the mirror: {}, {} bytes", got.status, got.body.len()).into());
        }
    }
    Ok(())
}

/// What is asked for of a cached model: a file by its commit, one by name, and what the API says.
fn hot(number: u64) -> [String; 3] {
    let model = format!("org/hot-{number}");
    [
        format!("/{model}/resolve/{}/model.safetensors", commit(&model, 0)),
        format!("/{model}/resolve/main/config.json"),
        format!("/api/models/{model}"),
    ]
}

impl Stage<'_> {
    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }

    fn fail(&self, problem: &str) {
        let again = format!("again: cargo xtask torture upstream --seed {}", self.seed);
        lock(&self.tally).failures.push(format!("{problem}\n    {again}"));
    }

    /// One client after the other, each for a file that others want as well.
    fn client(&self, seat: u64) -> Result<()> {
        let mut noise = Noise::new(self.seed ^ (seat << 32));
        while self.goes_on() {
            let kind = *noise.pick(self.tools.kinds());
            let model = format!("org/cold-{}", self.begun.fetch_add(1, Ordering::Relaxed) / SHARED);
            let folder = tempfile::tempdir()?;
            for _ in 0..ATTEMPTS {
                // Its limit is not the mirror's fault; that it says "done" with wrong bytes is.
                if !self.tools.fetch(kind, &self.mirror.url, &model, folder.path(), &mut noise)? {
                    continue;
                }
                match clients::judge(&model, folder.path()) {
                    Ok(()) => lock(&self.right)[kind as usize] += 1,
                    Err(words) => self.fail(&format!("{} ended well: {model}: {words}", kind.name())),
                }
                break;
            }
            lock(&self.tally).points += 1;
        }
        Ok(())
    }

    /// Asks for what is cached, again and again, and measures.
    fn probe(&self) -> Result<()> {
        let mut noise = Noise::new(self.seed ^ 0x9e37);
        while self.goes_on() {
            for path in &hot(noise.below(HOT)) {
                let began = Instant::now();
                let got = web::get(&self.mirror.url, path, None, None, Duration::from_secs(30));
                let took = began.elapsed();
                if took > STANDSTILL {
                    self.fail(&format!("{path} is cached, and took {took:.1?} while the hub did not answer"));
                }
                // While it is started anew there is no answer.
                if got.is_ok_and(|got| got.whole) {
                    self.times.asked(About::of(path), took);
                }
                let began = Instant::now();
                std::thread::sleep(PROBE);
                self.times.late(began.elapsed().saturating_sub(PROBE));
            }
        }
        Ok(())
    }

    /// A stranger, at an address of its own, asks for one invented name after the other; now and then for a model with
    /// paths that would take a lot of memory.
    fn invent(&self) -> Result<()> {
        let (mut asked, mut listings) = (0, 0);
        let mut deep = Instant::now();
        while self.goes_on() {
            self.tools.invent(&self.mirror.url, asked)?;
            asked += clients::INVENTED;
            if deep.elapsed() >= DEEP {
                deep = Instant::now();
                let path = format!("/api/models/org/deep-{listings}/tree/main?recursive=true");
                listings += 1;
                let got = web::get(&self.mirror.url, &path, None, Some(1), Duration::from_secs(20));
                if got.is_ok_and(|got| got.status == 200) {
                    self.fail(&format!("GET {path}: a listing was served that is deeper than paths may be"));
                }
            }
            std::thread::sleep(LOOK);
        }
        Ok(())
    }

    /// Looks at the mirror's memory, and kills it now and then.
    fn watch(&self) -> Result<()> {
        let mut noise = Noise::new(self.seed ^ 0x7f4a);
        let mut next = Instant::now() + FIRST_KILL;
        while self.goes_on() {
            if self.mirror.look()? > MEMORY {
                self.fail(&format!("the mirror takes {} bytes of memory", self.mirror.peak()));
            }
            if Instant::now() >= next {
                let log = self.mirror.stop()?;
                // Before it is there again: what it was told is forgotten.
                self.hub.forgive();
                self.mirror.restart()?;
                self.times.read(&log);
                next = Instant::now() + Duration::from_secs(10 + noise.below(20));
            }
            std::thread::sleep(LOOK);
        }
        Ok(())
    }

    /// `timed`: whether times are judged, and not only noted.
    fn judge(&self, timed: bool) -> Tally {
        let mut tally = std::mem::take(&mut *lock(&self.tally));
        tally.failures.extend(self.hub.violations());
        tally.notes.extend(self.times.notes());
        if timed {
            tally.failures.extend(self.times.too_long());
        }
        let right = lock(&self.right);
        let by_kind: Vec<String> =
            Kind::ALL.iter().zip(right.iter()).map(|(kind, count)| format!("{} {count}", kind.name())).collect();
        tally.notes.push(format!("whole and right: {}", by_kind.join(", ")));
        if right.iter().all(|count| *count == 0) {
            tally.failures.push("no client got a file".to_owned());
        }
        tally.notes.push(format!(
            "the mirror: {} MiB at most, killed {} times",
            self.mirror.peak() >> 20,
            self.mirror.kills()
        ));
        tally.notes.push(self.hub.summary());
        tally
    }
}
