//! `doctor --network` tells apart what can be wrong on the way.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;

use serde_json::Value;

use crate::world::World;

/// Answers every connection with these bytes, after reading the head of a request (or what comes instead).
fn answering(reply: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut lines = BufReader::new(&stream).split(b'\n').map_while(Result::ok);
            let _ = lines.find(|line| line.as_slice() == b"\r" || line.first() == Some(&0x16));
            drop(lines);
            let _ = stream.write_all(reply);
        }
    });
    format!("http://{address}")
}

fn finding<'a>(json: &'a Value, area: &str) -> &'a Value {
    json["findings"].as_array().unwrap().iter().find(|finding| finding["area"] == area).unwrap()
}

/// That this step is the bad one, says so, and that those behind it were not tried.
#[track_caller]
fn bad(world: &World, variables: &[(&str, &str)], step: &str, said: &str) {
    let json = world.run_with(variables, &["doctor", "--network", "--json"]).ends(1).json();
    let found = finding(&json, step);
    assert_eq!(found["level"], "bad", "{json}");
    assert!(found.to_string().contains(said), "{said:?} is not in {found}");
    assert!(found["mend"].is_string(), "{found}");
    let bad = json["findings"].as_array().unwrap().iter().filter(|finding| finding["level"] == "bad").count();
    assert_eq!(bad, 1, "{json}");
    if step != "token" {
        assert_eq!(finding(&json, "token")["text"], "not tried");
    }
}

#[test]
fn all_is_well_and_the_token_is_named_by_its_source_alone() {
    let world = World::new();
    world.hub.add_user("hf_secret_of_the_test", "reader");
    let run = world.run_with(&[("HF_TOKEN", "hf_secret_of_the_test")], &["doctor", "--network"]).ok();
    assert!(run.out.contains("reader (from HF_TOKEN)") && !run.out.contains("hf_secret"), "{run:?}");
    for step in ["proxy", "name", "connect", "tls", "answer", "limits"] {
        assert!(run.out.contains(&format!("ok    {step}")), "{step}: {run:?}");
    }
    let file = format!("{}/org/model/resolve/main/config.json", world.hub.url());
    let run = world.run(&["doctor", "--network", &file]).ok();
    assert!(!run.out.contains("token"), "{run:?}");
    bad(&world, &[("HF_TOKEN", "hf_nobody_knows_this")], "token", "HF_TOKEN");
}

#[test]
fn troubles_are_told_apart() {
    let world = World::new();
    bad(&world, &[("HF_ENDPOINT", "http://127.0.0.1:9")], "connect", "refused");
    bad(&world, &[("HF_ENDPOINT", "http://nowhere.invalid")], "name", "nowhere.invalid");
    bad(&world, &[("http_proxy", "::nonsense::")], "proxy", "http_proxy");
    bad(&world, &[("http_proxy", "http://127.0.0.1:9")], "connect", "proxy");
    let down = answering(b"HTTP/1.1 500 x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    bad(&world, &[("HF_ENDPOINT", &down)], "answer", "500");
    let portal = answering(
        b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 6\r\nconnection: close\r\n\r\n<html>",
    );
    bad(&world, &[("HF_ENDPOINT", &portal)], "answer", "sign in");
    let away = answering(
        b"HTTP/1.1 302 Found\r\nlocation: http://portal.invalid/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
    );
    bad(&world, &[("HF_ENDPOINT", &away)], "answer", "sign in");
    // A server that speaks no TLS where TLS is expected.
    let plain = answering(b"HTTP/1.1 400 x\r\n\r\n").replace("http:", "https:");
    bad(&world, &[("HF_ENDPOINT", &plain)], "tls", "speaks plain http");
}

#[test]
fn a_clock_that_is_wrong_is_noticed() {
    let world = World::new();
    let old = answering(
        b"HTTP/1.1 401 x\r\ndate: Sat, 01 Jan 2000 00:00:00 GMT\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
    );
    let json = world.run_with(&[("HF_ENDPOINT", &old)], &["doctor", "--network", "--json"]).ok().json();
    assert_eq!(finding(&json, "clock")["level"], "warn");
}

#[test]
fn what_cannot_be_asked_is_refused_kindly() {
    let world = World::new();
    let run = world.run(&["doctor", "--network", "--offline"]).ends(2);
    assert!(run.err.contains("hint: leave out --offline"), "{run:?}");
    assert_eq!(world.requests(), 0);
    world.run(&["doctor", "--network", "./folder"]).ends(2);
    world.run(&["doctor", "org/model"]).ends(2);
}

#[test]
fn https_only_refuses_plain_http() {
    let world = World::new();
    let runs = [
        world.run(&["get", "org/model", "--https-only"]),
        world.run_with(&[("MODEL_CACHE_HTTPS_ONLY", "1")], &["get", "org/model"]),
        world.run(&["get", "--https-only", &format!("{}/org/model/resolve/main/config.json", world.hub.url())]),
    ];
    for run in runs {
        let run = run.ends(5);
        assert!(run.err.contains("plain http is refused"), "{run:?}");
    }
    assert_eq!(world.requests(), 0);
}

#[test]
fn allowed_networks_are_checked() {
    let world = World::new();
    let run = world.run_with(&[("MODEL_CACHE_ALLOW_INTERNAL", "10.0.0.0/99")], &["get", "org/model"]).ends(2);
    assert!(run.err.contains("network.allow-internal") && run.err.contains("10.0.0.0/99"), "{run:?}");
}

#[test]
fn a_redirect_to_link_local_is_refused() {
    let world = World::new();
    world.hub.serve_from("org/model", "model.safetensors", "http://169.254.169.254/latest/meta-data/");
    let run = world.run(&["get", "org/model"]).ends(5);
    assert!(run.err.contains("169.254.169.254") && run.err.contains("allow-internal"), "{run:?}");
}
