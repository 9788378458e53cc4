//! Every hostile stream ends in an error, and none of them takes memory.

use std::process::Command;
use std::sync::Arc;

use cache_inflate::InflateSource;
use futures::StreamExt as _;

use crate::corpus::{self, Hostile};
use crate::memory::{listed, open};

/// Set in the process that reads the corpus, so that its peak is that of unpacking and of nothing else.
const CHILD: &str = "CACHE_INFLATE_CORPUS";
/// Most that process may ever have held, in KiB.
const MOST: u64 = 64 << 10;

#[test]
fn no_bomb_passes_and_none_takes_memory() {
    if std::env::var_os(CHILD).is_some() {
        return run_corpus();
    }
    let own = std::env::current_exe().unwrap();
    let name = "bombs::no_bomb_passes_and_none_takes_memory";
    let output = Command::new(own).args([name, "--exact", "--nocapture"]).env(CHILD, "1").output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
    let number = |name: &str| -> u64 {
        let line = said.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("{name}: {said}"));
        line.split_whitespace().next().unwrap().parse().unwrap()
    };
    assert!(number("bombs:") >= 50, "{said}");
    if !cfg!(target_os = "linux") {
        return eprintln!("only Linux tells a process its peak");
    }
    let peak = number("VmHWM:");
    assert!(peak < MOST, "{peak} KiB: {said}");
}

fn run_corpus() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let all = corpus::all().await;
        println!("bombs: {}", all.len());
        for hostile in all {
            judge(hostile).await;
        }
    });
    if cfg!(target_os = "linux") {
        let status = fs_err::read_to_string("/proc/self/status").unwrap();
        println!("{}", status.lines().find(|line| line.starts_with("VmHWM:")).unwrap());
    }
}

async fn judge(Hostile { name, memory, limits, size, kind }: Hostile) {
    let source = InflateSource::new(Arc::new(memory)).with_limits(limits);
    let manifest = listed(&source).await;
    let mut file = manifest.files[0].clone();
    file.size = size;
    let mut body = open(&source, &manifest.version, &file).await.unwrap();
    let mut plain = 0;
    let error = loop {
        match body.stream.next().await {
            Some(Ok(bytes)) => plain += bytes.len() as u64,
            Some(Err(error)) => break error,
            None => panic!("{name}: it ended as if it were whole, after {plain} bytes"),
        }
    };
    println!("{name}: {plain} bytes, then {error:?}");
    assert_eq!(error.kind(), kind, "{name}: {error:?}");
    assert!(error.hint().is_some(), "{name}: {error:?}");
    assert!(plain <= 33 << 20, "{name}: {plain} bytes came out first");
}
