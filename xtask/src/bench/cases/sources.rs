//! Cases of other sources than one web server: mirrors and buckets.

use std::process::Command;

use super::contenders::{OURS, command, contender, get, has_size, recipes};
use crate::bench::bucket::Bucket;
use crate::bench::case::{Case, Contender, Figure};
use crate::bench::fixtures::Stage;
use crate::failure::Result;
use crate::shell::found;

/// Bytes a second of one connection to a hub: 25 MB.
const RATE: &str = "25000000";
/// Connections to each host: with more, one of the hubs would be as fast as this machine.
const CONNECTIONS: &str = "4";

/// Gets the large model from a hub, with mirrors.
fn mirrored(stage: &Stage, hub: &str, mirrors: &[&str]) -> Command {
    let mut arguments = vec!["get", "--quiet", "org/large"];
    for mirror in mirrors {
        arguments.extend(["--mirror", mirror]);
    }
    let mut command = get(stage, &arguments);
    command.env("HF_ENDPOINT", hub).env("MODEL_CACHE_CONNECTIONS", CONNECTIONS);
    command
}

fn mib(stage: &Stage) -> u64 {
    stage.size >> 21
}

pub(super) fn spread(stage: &Stage) -> Result<Case> {
    let hubs = (0..3).map(|_| stage.another_hub(&["--rate", RATE])).collect::<Result<Vec<_>>>()?;
    let all = mirrored(stage, &hubs[0], &[&hubs[1], &hubs[2]]);
    let one = mirrored(stage, &hubs[0], &[]);
    let contenders =
        vec![contender(OURS, stage.out(), recipes(&[all])), contender("one hub alone", stage.out(), recipes(&[one]))];
    let figures = vec![Figure::Speed { than: "one hub alone".to_owned(), at_least: 2.5 }];
    let title = format!(
        "one file of {} MiB from a hub and two mirrors, each 25 MB/s a connection and {CONNECTIONS} connections",
        mib(stage)
    );
    Ok(Case { name: "spread", title, contenders, figures, skipped: Vec::new() })
}

pub(super) fn failover(stage: &Stage) -> Result<Case> {
    let healthy = stage.another_hub(&["--rate", RATE])?;
    let slow = stage.another_hub(&["--rate", "100000"])?;
    let corrupt = stage.another_hub(&["--rate", RATE, "--flip-every", "1048576"])?;
    let dying = stage.another_hub(&["--rate", RATE, "--die-after", "6"])?;
    let among = mirrored(stage, &healthy, &[&slow, &corrupt, &dying]);
    let alone = mirrored(stage, &healthy, &[]);
    let contenders = vec![
        contender(OURS, stage.out(), recipes(&[among])),
        contender("the healthy one alone", stage.out(), recipes(&[alone])),
    ];
    let figures = vec![Figure::Time { than: "the healthy one alone".to_owned(), at_most: 1.3 }];
    let title = format!(
        "one file of {} MiB from a healthy hub with three mirrors: one slow (100 kB/s a connection), one with wrong bytes, one that dies",
        mib(stage)
    );
    Ok(Case { name: "failover", title, contenders, figures, skipped: Vec::new() })
}

pub(super) fn s3(stage: &Stage) -> Result<Case> {
    let bucket = Bucket::start(stage)?.ok_or("no SeaweedFS or no aws, no case of a bucket")?;
    let (out, size) = (stage.out(), stage.size);
    let target = out.join("file.bin").to_string_lossy().into_owned();
    let with = |mut command: Command| {
        command.envs(bucket.variables.iter().map(|(name, value)| (name, value)));
        command
    };
    let ours = with(get(stage, &["get", "--quiet", "--require-digest", "s3://bench/large/file.bin"]));
    let mut contenders = vec![contender(OURS, out.clone(), recipes(&[ours]))];
    let mut skipped = Vec::new();
    let checked = |contender: Contender| Contender { check: has_size(out.join("file.bin"), size), ..contender };
    let aws = bucket.command(&["s3", "cp", "--quiet", "s3://bench/large/file.bin", &target]);
    contenders.push(checked(contender("aws s3 cp", out.clone(), recipes(&[aws]))));
    if found("rclone").is_some() {
        let endpoint = bucket.variables.iter().find(|(name, _)| name == "AWS_ENDPOINT_URL").map_or("", |(_, url)| url);
        let remote = format!(":s3,provider=SeaweedFS,env_auth=true,endpoint=\"{endpoint}\":bench/large/file.bin");
        let rclone = with(command("rclone", &["copyto", "--multi-thread-streams=16", &remote, &target]));
        contenders.push(checked(contender("rclone", out.clone(), recipes(&[rclone]))));
    } else {
        skipped.push("rclone: it is not installed".to_owned());
    }
    if found("curl").is_some() {
        // Eight connections, each an eighth of the object, thrown away: what the server can give at all.
        let part = size / 8;
        let ranges = (0..8).map(|n| format!("{}-{}", n * part, (n + 1) * part - 1));
        let limit: Vec<Command> =
            ranges.map(|range| command("curl", &["-sSf", "-o", "/dev/null", "-r", &range, &bucket.signed])).collect();
        contenders.push(contender("eight curl to nowhere", out.clone(), recipes(&limit)));
    }
    let figures = vec![
        Figure::Speed { than: "aws s3 cp".to_owned(), at_least: 1.5 },
        Figure::Speed { than: "rclone".to_owned(), at_least: 1.5 },
        Figure::Time { than: "eight curl to nowhere".to_owned(), at_most: 1.1 },
        Figure::Memory(64),
    ];
    let title =
        format!("one object of {} MiB from SeaweedFS; ours is verified and synced, the others are not", size >> 20);
    Ok(Case { name: "s3", title, contenders, figures, skipped })
}
