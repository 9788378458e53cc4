//! The cases of the table, and the contenders of each.

mod contenders;
mod served;
mod sources;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use self::contenders::{OURS, command, contender, get, has_size, hf, no_hf, ours, recipes};
use crate::bench::case::{Case, Figure, Make};
use crate::bench::fixtures::Stage;
use crate::failure::Result;
use crate::shell::{self, found};

/// All cases, in the order of the report.
pub(crate) const NAMES: [&str; 15] = [
    "uncapped",
    "throttled",
    "small",
    "warm",
    "library",
    "many",
    "verify",
    "spread",
    "failover",
    "s3",
    "serve-stream",
    "serve-crowd",
    "serve-small",
    "serve-info",
    "serve-olah",
];

pub(crate) fn make(name: &str, stage: &Stage) -> Result<Case> {
    match name {
        "uncapped" => large(stage, false),
        "throttled" => large(stage, true),
        "small" => Ok(small(stage)),
        "warm" => warm(stage),
        "library" => library(stage),
        "many" => Ok(many(stage)),
        "verify" => verify(stage),
        "spread" => sources::spread(stage),
        "failover" => sources::failover(stage),
        "s3" => sources::s3(stage),
        "serve-stream" => served::stream(stage),
        "serve-crowd" => served::crowd(stage),
        "serve-small" => served::small(stage),
        "serve-info" => served::info(stage),
        _ => served::beside_olah(stage),
    }
}

fn large(stage: &Stage, slow: bool) -> Result<Case> {
    let web = stage.web.clone().ok_or("no nginx, no case of a large file")?;
    let url = if slow { format!("{web}/slow/file.bin") } else { format!("{web}/file.bin") };
    let out = stage.out();
    let mut contenders = Vec::new();
    let mut skipped = Vec::new();
    contenders.push(contender(OURS, out.clone(), recipes(&[get(stage, &["get", "--quiet", &url])])));
    let target = out.join("file.bin");
    let target_text = target.to_string_lossy().into_owned();
    let folder = out.to_string_lossy().into_owned();
    let mut peer = |name: &str, tools: &[&str], lists: Vec<Vec<String>>| {
        if let Some(absent) = tools.iter().find(|tool| found(tool).is_none()) {
            skipped.push(format!("{name}: {absent} is not installed"));
            return;
        }
        let make: Make = Box::new(move || {
            let of = |list: &Vec<String>| {
                let words: Vec<&str> = list.iter().skip(1).map(String::as_str).collect();
                vec![command(list.first().map_or("false", String::as_str), &words)]
            };
            lists.iter().map(of).collect()
        });
        let mut contender = contender(name, out.clone(), make);
        contender.check = has_size(target.clone(), stage.size);
        contenders.push(contender);
    };
    let words = |text: &str| -> Vec<String> {
        let place = |word: &str| word.replace("URL", &url).replace("FILE", &target_text).replace("DIR", &folder);
        text.split_whitespace().map(place).collect()
    };
    let aria = |connections: u32| {
        words(&format!(
            "aria2c -q --file-allocation=falloc -x{connections} -s{connections} -k1M --allow-overwrite=true -d DIR -o file.bin URL"
        ))
    };
    peer("aria2c -x16", &["aria2c"], vec![aria(16)]);
    if !slow {
        peer("curl", &["curl"], vec![words("curl -sS -o FILE URL")]);
        peer("wget", &["wget"], vec![words("wget -q -O FILE URL")]);
        let sum = words("openssl dgst -sha256 FILE");
        peer("curl, then openssl", &["curl", "openssl"], vec![words("curl -sS -o FILE URL"), sum]);
    }
    let size = format!("{} MiB", stage.size >> 20);
    let gib = crate::bench::case::mebibytes(stage.size) / 1024.0;
    let than = |name: &str, at_most: f64| Figure::Time { than: name.to_owned(), at_most };
    let (name, title, figures) = if slow {
        let figures = vec![than("aria2c -x16", 0.7), Figure::Memory(32)];
        ("throttled", format!("one file of {size}, 25 MiB/s a connection, no tuning; ours is verified"), figures)
    } else {
        let figures =
            vec![than("curl", 1.15), than("aria2c -x16", 1.0), Figure::Memory(32), Figure::Cpu { seconds: 1.6, gib }];
        ("uncapped", format!("one file of {size}; ours is verified and synced, the others are not"), figures)
    };
    Ok(Case { name, title, contenders, figures, skipped })
}

fn small(stage: &Stage) -> Case {
    let get = get(stage, &["get", "--quiet", "org/small"]);
    let mut contenders = vec![contender(OURS, stage.out(), recipes(&[get]))];
    let mut skipped = Vec::new();
    match &stage.ours.hf {
        Some(program) => {
            let peer = hf(stage, program, "org/small", "16", &stage.hub);
            contenders.push(contender("hf download", stage.out(), recipes(&[peer])));
        }
        None => skipped = no_hf(),
    }
    let figures = vec![Figure::Time { than: "hf download".to_owned(), at_most: 0.5 }];
    Case { name: "small", title: "1,000 small files of one model".to_owned(), contenders, figures, skipped }
}

/// A store and a cache that hold a model, and its commit.
fn warmed(stage: &Stage) -> Result<(PathBuf, String)> {
    let store = stage.folder.join("warm");
    Stage::clear(&store)?;
    let path = shell::output(ours(stage, &store.join("store")).args(["get", "--quiet", "org/m00"]))?;
    let commit = Path::new(path.trim()).file_name().unwrap_or_default().to_string_lossy().into_owned();
    if let Some(program) = &stage.ours.hf {
        shell::output(hf(stage, program, "org/m00", "8", &stage.hub).env("HF_HOME", store.join("hf")))?;
    }
    Ok((store, commit))
}

/// Nothing listens there: every request fails.
const NOWHERE: &str = "http://127.0.0.1:9";

fn warm(stage: &Stage) -> Result<Case> {
    let (store, commit) = warmed(stage)?;
    let pinned = format!("org/m00@{commit}");
    let hit = |verb: &str| {
        let mut command = ours(stage, &store.join("store"));
        command.args([verb, "--quiet", &pinned]).env("HF_ENDPOINT", NOWHERE);
        recipes(&[command])
    };
    let idle = stage.out();
    let mut contenders =
        vec![contender(OURS, idle.clone(), hit("get")), contender("model-cache path", idle.clone(), hit("path"))];
    let mut skipped = Vec::new();
    match &stage.ours.hf {
        Some(program) => {
            let mut peer = hf(stage, program, "org/m00", "8", NOWHERE);
            peer.args(["--revision", &commit]).env("HF_HOME", store.join("hf")).env("HF_HUB_OFFLINE", "1");
            contenders.push(contender("hf download", idle, recipes(&[peer])));
        }
        None => skipped = no_hf(),
    }
    let figures = vec![Figure::Within(Duration::from_millis(10))];
    let title = "a warm hit of a pinned commit, the whole process, with no server to ask".to_owned();
    Ok(Case { name: "warm", title, contenders, figures, skipped })
}

fn library(stage: &Stage) -> Result<Case> {
    let (store, commit) = warmed(stage)?;
    let mut command = Command::new(&stage.ours.warm);
    command.args([&format!("org/m00@{commit}"), "1000"]);
    command.env("MODEL_CACHE_DIR", store.join("store")).env("HF_ENDPOINT", NOWHERE);
    let median = shell::output(&mut command)?;
    println!("library: a warm hit takes {} µs, the median of 1,000", median.trim().parse::<f64>()? / 1e3);
    // The process does its work a thousand times; a second for all of it is a millisecond each.
    let contenders = vec![contender(OURS, stage.out(), recipes(&[command]))];
    let figures = vec![Figure::Within(Duration::from_secs(1))];
    let title = "1,000 warm hits in the library, one after the other, in one process".to_owned();
    Ok(Case { name: "library", title, contenders, figures, skipped: Vec::new() })
}

fn many(stage: &Stage) -> Case {
    let names: Vec<String> = (0..16).map(|number| format!("org/m{number:02}")).collect();
    let mut all = vec!["get", "--quiet"];
    all.extend(names.iter().map(String::as_str));
    let one = [get(stage, &all)];
    let each: Vec<Command> = names.iter().map(|name| get(stage, &["get", "--quiet", name])).collect();
    let mut contenders = vec![
        contender(OURS, stage.out(), recipes(&one)),
        contender("model-cache, 16 processes", stage.out(), recipes(&each)),
    ];
    let mut skipped = Vec::new();
    match &stage.ours.hf {
        Some(program) => {
            let peers: Vec<_> = names.iter().map(|name| hf(stage, program, name, "8", &stage.hub)).collect();
            contenders.push(contender("hf download, 16 processes", stage.out(), recipes(&peers)));
        }
        None => skipped = no_hf(),
    }
    let title = "16 models at once, 16 MiB and three small files each".to_owned();
    Case { name: "many", title, contenders, figures: Vec::new(), skipped }
}

fn verify(stage: &Stage) -> Result<Case> {
    let web = stage.web.clone().ok_or("no nginx, no case of a large file")?;
    let store = stage.folder.join("verify");
    Stage::clear(&store)?;
    let fetch = ["get", "--quiet"].map(str::to_owned);
    let urls = ["a.bin", "b.bin"].map(|name| format!("{web}/{name}"));
    shell::output(ours(stage, &store).args(fetch).args(&urls))?;
    let mut all = ours(stage, &store);
    all.args(["verify", "--all", "--quiet"]);
    let mut contenders = vec![contender(OURS, stage.out(), recipes(&[all]))];
    let mut skipped = Vec::new();
    if found("openssl").is_some() {
        let files = ["a.bin", "b.bin"].map(|name| stage.folder.join("www").join(name));
        let sums = files.map(|file| command("openssl", &["dgst", "-sha256", &file.to_string_lossy()]));
        contenders.push(contender("two openssl", stage.out(), recipes(&sums)));
    } else {
        skipped.push("two openssl: openssl is not installed".to_owned());
    }
    let figures = vec![Figure::Speed { than: "two openssl".to_owned(), at_least: 0.9 }];
    let title = format!("full verify of two files of {} MiB, beside two openssl at once", stage.size >> 21);
    Ok(Case { name: "verify", title, contenders, figures, skipped })
}
