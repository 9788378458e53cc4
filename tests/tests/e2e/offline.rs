//! No packet when the network may not be asked, and the newest cached version when it is down.

use std::process::{Command, Stdio};

use cache_testkit::fixtures;

use crate::world::{MODEL, World, binary, code};

/// Calls about IP sockets that a run makes; `None` where processes cannot be traced.
fn ip_calls(world: &World, variables: &[(&str, &str)], arguments: &[&str]) -> Option<(i32, Vec<String>)> {
    let trace = world.folder().join("trace");
    let plain = world.command(arguments);
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-e", "trace=network", "-o"]).arg(&trace).arg(binary()).args(arguments);
    strace.env_clear().envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    strace.envs(variables.iter().copied()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let output = strace.output().ok()?;
    let said = String::from_utf8_lossy(&output.stderr);
    if said.contains("ptrace") && said.contains("not permitted") {
        return None;
    }
    let text = fs_err::read_to_string(&trace).unwrap();
    let ip = text.lines().filter(|line| line.contains("AF_INET")).map(str::to_owned).collect();
    Some((code(output.status), ip))
}

#[test]
fn offline_is_not_one_packet() {
    let world = World::new();
    let Some((ended, calls)) = ip_calls(&world, &[], &["get", MODEL]) else {
        eprintln!("skipped: offline_is_not_one_packet: strace is missing or may not trace here");
        return;
    };
    // The check sees what it looks for.
    assert_eq!(ended, 0);
    assert!(calls.iter().any(|call| call.contains("connect(")), "{calls:?}");
    for (command, here, absent) in [
        (&["get"][..], 0, 3),
        (&["info"], 0, 3),
        (&["path"], 0, 3),
        (&["verify"], 0, 3),
        (&["ls"], 0, 0),
        (&["doctor"], 0, 2),
        (&["doctor", "--network"], 2, 2),
        (&["stats"], 0, 2),
    ] {
        for (model, wanted) in [(MODEL, here), ("org/absent", absent)] {
            if matches!(command[0], "doctor" | "stats") && model != MODEL {
                continue;
            }
            let mut arguments = command.to_vec();
            if !matches!(command[0], "doctor" | "stats") {
                arguments.push(model);
            }
            let variable = ip_calls(&world, &[("HF_HUB_OFFLINE", "1")], &arguments).unwrap();
            assert_eq!(variable, (wanted, Vec::new()), "HF_HUB_OFFLINE=1 {arguments:?}");
            arguments.push("--offline");
            let option = ip_calls(&world, &[], &arguments).unwrap();
            assert_eq!(option, (wanted, Vec::new()), "{arguments:?}");
        }
    }
}

#[test]
fn a_network_that_is_down_is_one_warning_for_each_reference() {
    let world = World::new();
    let models = [MODEL, "org/second", "org/third"];
    world.hub.add_model(models[1], fixtures::model());
    world.hub.add_model(models[2], fixtures::model());
    let get = [&["get"], &models[..]].concat();
    let before = world.run(&get).ok();
    world.hub.commit(MODEL, "main", [("config.json", cache_testkit::Content::bytes("newer"))]);
    let newer = world.get();
    let down = [("HF_ENDPOINT", "http://127.0.0.1:9")];
    let warnings = |text: &str| text.lines().filter(|line| line.contains("warning: ")).count();
    let one = world.run_with(&down, &["get", MODEL]).ok();
    assert_eq!((one.path(), warnings(&one.err)), (newer, 1), "{one:?}");
    let three = world.run_with(&down, &get).ok();
    assert_eq!(warnings(&three.err), 3, "{three:?}");
    assert_eq!(three.err.lines().filter(|line| line.starts_with("stale")).count(), 3, "{three:?}");
    assert_eq!(three.out.lines().skip(1).collect::<Vec<_>>(), before.out.lines().skip(1).collect::<Vec<_>>());
    let json = world.run_with(&down, &["get", MODEL, "org/absent", "--json", "--quiet"]).ends(5).json();
    assert_eq!(json["results"][0]["state"], "stale");
    let error = &json["results"][1]["error"];
    assert_eq!((&error["category"], &error["retry_helps"]), (&"network".into(), &true.into()), "{error}");
    assert!(error["hint"].is_string());
}
