//! What others write reaches no terminal as they wrote it.

use std::process::Command;

use cache_testkit::{Content, HubConfig};

use crate::servers::{Variables, found, refusing};
use crate::world::{MODEL, Run, World, binary, finish};

/// Escapes, a change of direction, a C1 control, an invisible letter.
const EVIL: &str = "x\x1b]0;owned\x07\x1b[2J\u{202e}txt\u{9b}31m\u{200b}\u{e0041}y";

/// Whether a terminal would do something else with a character than show it.
fn acts(c: char) -> bool {
    (c.is_control() && c != '\n')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{e0041}')
}

#[track_caller]
fn is_plain(run: &Run) {
    for text in [&run.out, &run.err] {
        assert!(!text.contains(acts), "{text:?}");
    }
}

/// Runs it in words with a log, and in JSON with a log in JSON. All is plain, and the marked part is shown.
#[track_caller]
fn shows(world: &World, variables: &[(&str, &str)], arguments: &[&str], part: &str) {
    for style in [&["--log-level", "trace"][..], &["--json", "--log-level", "trace", "--log-format", "json"]] {
        let run = world.run_with(variables, &[arguments, style].concat());
        is_plain(&run);
        assert!(run.out.contains(part) || run.err.contains(part), "{part:?} is not in {run:?}");
    }
}

#[test]
fn words_of_others_are_written_out() {
    let world = World::new();
    let folder = world.folder().join("inputs");
    fs_err::create_dir_all(&folder).unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.join(name);
        fs_err::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    // A hub: the name that belongs to a token, the reason of a refusal, a header.
    world.hub.add_user("hf_token", EVIL);
    shows(&world, &[("HF_TOKEN", "hf_token")], &["doctor"], "owned");
    let named = format!("{{\"error\":{}}}", serde_json::to_string(EVIL).unwrap());
    for status in ["403 Forbidden", "404 Not Found", "429 Too Many Requests"] {
        let headers = "X-Error-Message: x\u{202e}owned\r\nX-Error-Code: GatedRepo\r\nRetry-After: 9999\r\n";
        let hub = refusing(status, headers, &named);
        let file = format!("{hub}/file.bin");
        for arguments in [&["get", MODEL, "--max-wait", "1s"][..], &["get", &file, "--max-wait", "1s"], &["doctor"]] {
            is_plain(&world.run_with(&[("HF_ENDPOINT", &hub)], arguments));
        }
    }
    // An object store: the region and the reason.
    let body = format!("<Error><Code>PermanentRedirect</Code><Message>{EVIL}</Message><Region>{EVIL}</Region></Error>");
    let bucket = refusing("301 Moved Permanently", "", &body);
    let variables = Variables::s3(&bucket, "id", "secret");
    shows(&world, &variables.pairs(), &["get", "s3://models/x"], "another region");
    // Files: a lock, lists, a registry, a configuration.
    let quoted = serde_json::to_string(EVIL).unwrap();
    let lock = format!(
        "format = 1\n[[models]]\nreference = {quoted}\nmodel = \"o/n\"\ncommit = \"{}\"\nfiles = []\n",
        "a".repeat(40)
    );
    shows(&world, &[], &["get", "--locked", &file("models.lock", &lock)], "owned");
    shows(&world, &[], &["get", "--from", &file("list", EVIL)], "owned");
    shows(&world, &[], &["sync", &file("sync", &format!("org/{EVIL}\n{MODEL} {EVIL}=1"))], "owned");
    shows(&world, &[], &["registry", "import", &file("names", &format!("format = 1\n{quoted} = 1"))], "owned");
    shows(&world, &[], &["config", "check", &file("config.toml", &format!("[{quoted}]\nx = 1"))], "owned");
    // Names of folders, and arguments.
    let evil = folder.join(EVIL.replace('/', "-"));
    fs_err::create_dir_all(&evil).unwrap();
    fs_err::write(evil.join("model.gguf"), "weights").unwrap();
    let evil = evil.to_str().unwrap();
    shows(&world, &[], &["registry", "discover", folder.to_str().unwrap()], "owned");
    shows(&world, &[], &["get", evil], "model");
    shows(&world, &[], &["ls"], "owned");
    shows(&world, &[], &["adopt", evil], "owned");
    shows(&world, &[], &["get", EVIL], "owned");
    shows(&world, &[], &["get", MODEL, "--jobs", EVIL], "\\u{202e}txt");
    shows(&world, &[], &[EVIL], "\\u{202e}txt");
}

#[test]
fn names_that_deceive_are_refused_in_listings() {
    for name in ["x\u{202e}gpj.exe", "a\u{2066}b", "a\u{200b}b", "a\u{feff}b", "\u{1b}[2J"] {
        let world = World::empty(HubConfig::default());
        world.hub.add_model(MODEL, [(name, Content::bytes("x")), ("config.json", Content::bytes("{}"))]);
        let run = world.run(&["get", MODEL]).fails(4, "a file name in the listing is refused");
        is_plain(&run);
        assert!(!world.store().join("blobs").join("44").exists());
    }
}

#[test]
fn a_path_keeps_its_bytes_for_programs_alone() {
    let world = World::new();
    let store = world.folder().join("st\x1b[2Jo\u{202e}re");
    let run = |command: &mut Command| finish(command.env("MODEL_CACHE_DIR", &store).spawn().unwrap()).ok();
    let got = run(&mut world.command(&["get", MODEL]));
    assert!(got.path().starts_with(&store) && got.path().is_dir(), "{got:?}");
    assert!(!got.err.contains(acts), "{got:?}");
    let json = run(&mut world.command(&["path", MODEL, "--json"]));
    assert!(!json.out.contains(acts) && json.json()["path"] == got.line(), "{json:?}");
    if found("script") {
        let mut terminal = Command::new("script");
        let line = format!("{} path {MODEL}", binary().display());
        terminal
            .args(["-qec", &line, "/dev/null"])
            .env_clear()
            .envs(world.command(&[]).get_envs().filter_map(|(name, value)| Some((name, value?))));
        let shown = run(terminal.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()));
        assert!(!shown.out.contains(|c| acts(c) && c != '\r'), "{shown:?}");
        assert!(shown.out.contains("st\\u{1b}[2Jo\\u{202e}re"), "{shown:?}");
    }
}
