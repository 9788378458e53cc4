//! What goes wrong, how it is said, and with which exit code.

use std::io::Read as _;

use cache_testkit::{Access, HubConfig, HubFault, Matches, Origin};

use crate::world::{MODEL, World, finish};

#[test]
fn usage_is_2() {
    let world = World::new();
    for arguments in [
        &["get"][..],
        &["fetch", MODEL],
        &["get", "not a name"],
        &["get", "a/b/../c"],
        &["get", "ftp://x/y"],
        &["get", MODEL, "--hard-link"],
        &["gc", "--max-size", "much"],
        &["gc", "--older-than", "long"],
        &["verify", MODEL, "--all"],
        &["get", &format!("{MODEL}@main"), "--revision", "other"],
        &["rm", &format!("{MODEL}/config.json")],
    ] {
        let run = world.run(arguments).ends(2);
        assert!(run.err.contains("error: "), "{arguments:?}: {run:?}");
        assert_eq!(run.out, "", "{arguments:?}");
    }
}

#[test]
fn what_is_not_there_is_3() {
    let world = World::new();
    world.run(&["get", "org/nowhere"]).fails(3, "org/nowhere");
    world.run(&["get", &format!("{MODEL}/nothing.bin")]).fails(3, "nothing.bin");
    world.run(&["get", MODEL, "--offline"]).fails(3, "not in the store");
    world.run_with(&[("HF_HUB_OFFLINE", "1")], &["get", MODEL]).fails(3, "not in the store");
    world.run_with(&[("MODEL_CACHE_OFFLINE", "1")], &["get", MODEL]).fails(3, "not in the store");
}

#[test]
fn no_network_is_5_or_the_cached_version_with_a_warning() {
    let world = World::new();
    let dead = [("HF_ENDPOINT", "http://127.0.0.1:9")];
    let run = world.run_with(&dead, &["get", MODEL]).fails(5, "127.0.0.1");
    assert!(run.err.contains("hint: ") && run.err.contains("tried "), "{run:?}");
    let path = world.get();
    let run = world.run_with(&dead, &["get", MODEL]).ok();
    assert_eq!(run.path(), path);
    assert!(
        run.err.contains("warning: ") && run.err.contains("hub unreachable (connection refused); using cached "),
        "{run:?}"
    );
    assert_eq!(world.run(&["get", MODEL, "--offline"]).ok().path(), path);
}

#[test]
fn unreachable_hosts_fail_with_the_cause() {
    let world = World::new();
    let https = world.hub.url().replace("http:", "https:");
    let run = world.run_with(&[("HF_ENDPOINT", &https)], &["get", MODEL]).fails(5, "speaks plain http");
    assert!(run.err.contains(&format!("hint: try {}", world.hub.url())), "{run:?}");
    world.run_with(&[("HF_ENDPOINT", "http://nohost.invalid")], &["get", MODEL]).fails(5, "could not resolve host");
    let path = world.get();
    for endpoint in [https.as_str(), "http://nohost.invalid"] {
        let run = world.run_with(&[("HF_ENDPOINT", endpoint)], &["get", MODEL]).ok();
        assert_eq!(run.path(), path, "{run:?}");
    }
}

#[test]
fn denying_storage_is_6_and_says_what_to_check() {
    let world = World::new();
    world.hub.trouble(Matches::default().at(Origin::Cdn), HubFault::Status(403));
    let run = world.run(&["get", MODEL]).fails(6, "access denied by the storage host");
    assert!(["clock", "region", "link"].iter().all(|word| run.err.contains(word)), "{run:?}");
}

#[test]
fn rate_limit_beyond_max_wait_is_5_until_when() {
    let world = World::new();
    world.hub.trouble(Matches::path("/api/"), HubFault::RetryAfter { seconds: 540 });
    let run = world.run(&["get", MODEL]).fails(5, "rate limited (429) until ");
    assert!(run.err.contains("in 9 min"), "{run:?}");
    world.hub.clear_trouble();
    // The client library's question, and our own after it.
    world.hub.trouble(Matches::path("/api/").first(2), HubFault::RetryAfter { seconds: 1 });
    world.run(&["get", MODEL, "--max-wait", "0s"]).fails(5, "rate limited (429) until ");
    world.hub.clear_trouble();
    world.hub.trouble(Matches::path("/api/").first(2), HubFault::RetryAfter { seconds: 1 });
    world.run(&["get", MODEL, "--max-wait", "10m"]).ok();
}

#[test]
fn deadline_is_5_and_a_rerun_resumes() {
    let world = World::slow(30_000_000, 0);
    world.hub.trouble(Matches::path("model.bin").at(Origin::Cdn), HubFault::Stall(20_000_000));
    let run = world.run(&["get", MODEL, "--deadline", "2s"]).fails(5, "timed out after 2 s: 1 of 2 files");
    assert!(run.err.contains("hint: run the same command again to resume"), "{run:?}");
    world.hub.clear_trouble();
    let before = world.hub.total_bytes_sent();
    world.run(&["get", MODEL]).ok();
    assert!(world.hub.total_bytes_sent() - before < 30_000_000);
}

#[test]
fn a_gated_model_is_6_and_says_what_to_do() {
    let world = World::new();
    world.hub.add_user("hf_secret_of_the_test", "reader");
    world.hub.set_access(MODEL, Access::gated(["reader"]));
    let run = world.run(&["get", MODEL]).fails(6, MODEL);
    assert!(run.err.contains("hint: ") && run.err.contains("HF_TOKEN"), "{run:?}");
    let run = world.run_with(&[("HF_TOKEN", "hf_another_one")], &["get", MODEL]).ends(6);
    assert!(!run.err.contains("hf_another_one"), "the token was printed: {run:?}");
    let run = world.run_with(&[("HF_TOKEN", "hf_secret_of_the_test")], &["get", MODEL]).ok();
    assert!(!run.err.contains("hf_secret"), "{run:?}");
    let at_cdn = world.hub.requests().into_iter().filter(|seen| seen.origin == Origin::Cdn);
    assert!(at_cdn.clone().count() > 0);
    assert!(at_cdn.clone().all(|seen| seen.header("authorization").is_none()), "the token went to another origin");
}

#[test]
fn a_quota_too_small_is_7_before_the_first_byte() {
    let world = World::slow(2_000_000, 50_000_000);
    let run = world.run_with(&[("MODEL_CACHE_QUOTA", "1MB")], &["get", MODEL]).fails(7, "1.0 MB");
    assert!(run.err.contains("2.0 MB") && run.err.contains("hint: "), "{run:?}");
    assert_eq!(world.hub.total_bytes_sent(), 0);
}

#[test]
fn a_reader_that_has_had_enough_is_no_failure() {
    let world = World::empty(HubConfig::default());
    let mut child = world.command(&["completions", "bash"]).spawn().unwrap();
    let mut first = [0; 1];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let run = finish(child);
    assert_eq!((run.code, run.err.as_str()), (0, ""), "{run:?}");
}

#[test]
fn nobody_listening_on_stderr_is_no_failure() {
    let world = World::new();
    let mut child = world.command(&["get", MODEL]).spawn().unwrap();
    drop(child.stderr.take());
    assert_eq!(finish(child).code, 0);
}
