//! Secrets that are given to the command appear in nothing that it prints, logs or stores.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};

use cache_testkit::{Access, Content, FaultSeen, FaultServer, HubConfig, HubFault, Matches, Origin, Seen, fixtures};
use rustix::process::Signal;

use crate::servers::refusing;
use crate::signals::signal;
use crate::world::{MODEL, Run, World, finish};

/// Part of every planted secret.
const MARK: &str = "SEKRET";
/// The beginning of `me:SEKRET` in base64, as headers carry it.
const MARK_BASE64: &str = "bWU6U0VLUkVU";
const HUB_TOKEN: &str = "hf_SEKRETofthehub";
/// A model that the mirror of the Hub serves to this token alone.
const PRIVATE: &str = "org/private";
/// A model whose file only the mirror has.
const BROKEN: &str = "org/broken";

/// Everything that one test needs, with a secret at each place where one can be given.
struct Planted {
    world: World,
    server: FaultServer,
    /// An object store that refuses everything.
    bucket: String,
    /// Files that hold secrets because the test has written them: not searched.
    inputs: tempfile::TempDir,
    leaks: String,
}

impl Planted {
    fn new() -> Self {
        let world = World::empty(HubConfig::default());
        world.hub.add_model(MODEL, fixtures::model());
        world.hub.add_model(PRIVATE, [("config.json", Content::bytes("{}"))]);
        world.hub.set_access(PRIVATE, Access::private(["owner"]));
        world.hub.add_user(HUB_TOKEN, "owner");
        world.hub.add_model(BROKEN, [("model.bin", Content::seeded(9, 20_000))]);
        world.hub.trouble(Matches::path(BROKEN).at(Origin::Cdn), HubFault::Status(404));
        let content = Content::seeded(5, 20_000);
        let server = FaultServer::spawn(content.clone()).unwrap();
        server.beside("/file.bin.sha256", Content::bytes(content.sha256().to_string()));
        let bucket = refusing("403 Forbidden", "", "<Error><Code>AccessDenied</Code></Error>");
        let planted = Self { world, server, bucket, inputs: tempfile::tempdir().unwrap(), leaks: String::new() };
        let urls = planted.urls().join("\n");
        planted.input("list", &urls);
        planted.input("admin-token", "SEKRETadmin-token-of-32-characters");
        planted.input("mirror.toml", &format!(
            "[transfer]\nretries = 0\n[mirrors.one]\nurl = {:?}\ntoken = {{ env = \"MIRROR_TOKEN\" }}\npreference = 1\n\
             [models.\"org/signed\"]\nfrom = {:?}\n",
            planted.server.url_of("/hub"), planted.urls()[0]
        ));
        planted.input(
            "mistaken.toml",
            &format!(
                "[hub]\ntoken = \"SEKRETtoken\"\nendpoint = \"https://me:SEKRET@hub.example\"\n\
             [mirrors.m]\nurl = \"https://h/{{model}}?token=SEKRET\"\n[models.\"a/b\"]\nfrom = {:?}\n",
                planted.urls()[0]
            ),
        );
        planted.input(
            "registry.toml",
            &format!(
                "format = 1\n[models.signed.\"1.0.0\"]\nreference = {:?}\nfallbacks = [{:?}]\n",
                planted.urls()[0],
                planted.urls()[1]
            ),
        );
        planted
            .input("broken.toml", &format!("format = 1\n[[models]]\nreference = {:?}\nfiels = 1\n", planted.urls()[0]));
        fs_err::create_dir(planted.inputs.path().join("folder")).unwrap();
        planted.input("folder/model.bin", "bytes");
        planted
    }

    fn input(&self, name: &str, text: &str) {
        fs_err::write(self.inputs.path().join(name), text).unwrap();
    }

    fn path(&self, name: &str) -> String {
        self.inputs.path().join(name).to_str().unwrap().to_owned()
    }

    /// Addresses with secrets of each kind; the last two cannot be asked for.
    fn urls(&self) -> Vec<String> {
        let of = |query: &str| self.server.url_of(&format!("/file.bin?{query}"));
        vec![
            of("v=1&token=SEKRETtoken"),
            of("X-Amz-Credential=SEKRETid&X-Amz-Signature=SEKRETsig&X-Amz-Security-Token=SEKRETsession"),
            of("Expires=9&Key-Pair-Id=SEKRETpair&Signature=SEKRETcdn&Policy=SEKRETpolicy"),
            of("jwt=SEKRETjwt&hdnea=SEKREThdnea&code=SEKRETcode&v=2"),
            self.server.url_of("/file.bin").replace("://", "://me:SEKRETpassword@"),
            "az://box/prefix?sv=2020&sig=SEKRETsas".to_owned(),
            "https:/me:SEKRET@host/x?token=SEKRET".to_owned(),
            "org/name@main/x?token=SEKRET".to_owned(),
        ]
    }

    fn variables(&self) -> Vec<(&'static str, String)> {
        let bucket = self.bucket.clone();
        vec![
            ("HF_TOKEN", HUB_TOKEN.to_owned()),
            ("MIRROR_TOKEN", "SEKRETofthemirror".to_owned()),
            ("MODEL_CACHE_CONFIG", self.path("mirror.toml")),
            ("AWS_ENDPOINT_URL", bucket.clone()),
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "SEKRETkey".to_owned()),
            ("AWS_SESSION_TOKEN", "SEKRETsession".to_owned()),
            ("AWS_ALLOW_HTTP", "true".to_owned()),
            ("GOOGLE_BASE_URL", bucket.clone()),
            ("GOOGLE_BEARER_TOKEN", "SEKRETbearer".to_owned()),
            ("GOOGLE_ALLOW_HTTP", "true".to_owned()),
            ("AZURE_STORAGE_ENDPOINT", bucket),
            ("AZURE_STORAGE_ACCOUNT_NAME", "account".to_owned()),
            ("AZURE_STORAGE_SAS_TOKEN", "sv=2020&sig=SEKRETsas".to_owned()),
            ("AZURE_ALLOW_HTTP", "true".to_owned()),
        ]
    }

    /// Runs a command twice, once with all words and once with all JSON, both with the whole log, and searches both.
    fn run(&mut self, arguments: &[&str]) -> Run {
        self.run_with(&[], arguments)
    }

    fn run_with(&mut self, more: &[(&str, &str)], arguments: &[&str]) -> Run {
        let variables = self.variables();
        let start = |style: &[&str]| {
            let mut command = self.world.command(&[arguments, style].concat());
            command.envs(variables.iter().map(|(name, value)| (*name, value)));
            finish(command.envs(more.iter().copied()).spawn().unwrap())
        };
        let words = start(&["--log-level", "trace"]);
        let json = start(&["--log-level", "trace", "--log-format", "json", "--json"]);
        for run in [&words, &json] {
            self.search(&format!("{arguments:?} {more:?} stdout"), run.out.as_bytes());
            self.search(&format!("{arguments:?} {more:?} stderr"), run.err.as_bytes());
            assert!([0, 1, 2, 3, 4, 5, 6, 7].contains(&run.code), "{arguments:?}: {run:?}");
        }
        words
    }

    fn search(&mut self, place: &str, bytes: &[u8]) {
        for line in String::from_utf8_lossy(bytes).lines() {
            if line.to_ascii_uppercase().contains(MARK) || line.contains(MARK_BASE64) {
                let _ = writeln!(self.leaks, "{place}: {line}");
            }
        }
    }

    /// Searches all files that the command has written, and fails with all leaks there were.
    #[track_caller]
    fn finish(mut self) {
        let files = files_below(self.world.folder());
        assert!(files.iter().any(|path| path.ends_with("store/version")), "nothing was stored: {files:?}");
        for path in files {
            let bytes = fs_err::read(&path).unwrap();
            self.search("a file's name", path.as_os_str().as_encoded_bytes());
            self.search(&path.display().to_string(), &bytes);
        }
        assert!(self.leaks.is_empty(), "{}", self.leaks);
    }
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs_err::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            found.extend(files_below(&entry.path()));
        } else if kind.is_file() {
            found.push(entry.path());
        }
    }
    found
}

/// All commands that the command's own help names: `get`, `registry add` …
fn all_commands(world: &World, above: &[&str]) -> BTreeSet<String> {
    let help = world.run(&[above, &["--help"]].concat()).ok().out;
    // The first page has groups of commands up to its options; the others have one list.
    let listed = match above {
        [] => help.split("Global options:").next().unwrap_or_default(),
        _ => help.split("Commands:\n").nth(1).and_then(|text| text.split("\n\n").next()).unwrap_or_default(),
    };
    let names = listed.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names: Vec<&str> = names.filter_map(|line| line.split_whitespace().next()).filter(|n| *n != "help").collect();
    if names.is_empty() {
        return BTreeSet::from([above.join(" ")]);
    }
    names.iter().flat_map(|name| all_commands(world, &[above, &[*name]].concat())).collect()
}

/// What each command is run with, in this order. `URL` stands for each address with secrets, `ADDRESS` for two
/// of them.
fn cases(planted: &Planted) -> Vec<(&'static str, Vec<String>)> {
    let out = |name: &str| planted.world.folder().join(name).to_str().unwrap().to_owned();
    let list = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
    let (lock, bundle, key) = (out("models.lock"), out("models.tar"), out("key"));
    let mirror = planted.server.url_of("/m/{model}?token=SEKRETmirror");
    let folder = planted.path("folder");
    vec![
        ("get", list(&["URL"])),
        ("get", list(&["ADDRESS", MODEL])),
        ("get", list(&[BROKEN, "--mirror", &mirror])),
        ("get", list(&[MODEL, "--mirror", "https://me:SEKRET@host/{model}", "--jobs", "1"])),
        ("get", list(&[PRIVATE, "org/nothing", "s3://bucket/x", "gs://bucket/x", "az://box/x"])),
        ("get", list(&["--from", &planted.path("list")])),
        ("get", list(&[&format!("{MODEL}/nothing.bin"), "--fallback", "ADDRESS"])),
        ("info", list(&["ADDRESS"])),
        ("path", list(&["ADDRESS"])),
        ("lock", list(&[&lock, "URL"])),
        ("lock", list(&[&lock, "--from", &planted.path("list")])),
        ("lock", list(&[&lock])),
        ("get", list(&["--locked", &lock])),
        ("get", list(&["--locked", &lock, "ADDRESS"])),
        ("get", list(&["--locked", &planted.path("broken.toml"), "ADDRESS"])),
        ("pin", list(&["ADDRESS"])),
        ("unpin", list(&["ADDRESS"])),
        ("verify", list(&["ADDRESS", "--repair"])),
        ("registry add", list(&["signed", "URL"])),
        ("registry add", list(&["other", MODEL, "--fallback", "ADDRESS"])),
        ("registry add", list(&["ADDRESS", "ADDRESS"])),
        ("registry import", list(&[&planted.path("registry.toml")])),
        ("registry import", list(&[&planted.path("broken.toml")])),
        ("registry show", list(&["other"])),
        ("registry show", list(&["ADDRESS"])),
        ("registry ls", list(&[])),
        ("registry discover", list(&["--add"])),
        ("registry export", list(&[])),
        ("registry export", list(&[&out("names.toml")])),
        ("registry rm", list(&["ADDRESS"])),
        ("outdated", list(&["ADDRESS"])),
        ("outdated", list(&[])),
        ("update", list(&["ADDRESS"])),
        ("sync", list(&[&planted.path("list")])),
        ("sync", list(&["--ref", "URL"])),
        ("push", list(&["ADDRESS", "s3://bucket/x"])),
        ("push", list(&[&folder, "ADDRESS"])),
        ("push", list(&[&folder, "s3://bucket/x"])),
        ("push", list(&[&folder, "gs://bucket/x"])),
        ("push", list(&[&folder, "az://box/x"])),
        ("export", list(&["ADDRESS", MODEL, "--output", &bundle])),
        ("export", list(&[MODEL, "--output", &bundle])),
        ("import", list(&[&bundle])),
        ("keygen", list(&[&key])),
        ("adopt", list(&[&folder])),
        ("ls", list(&[])),
        ("stats", list(&[])),
        ("gc", list(&["--dry-run", "--max-size", "1B"])),
        ("env", list(&[])),
        ("doctor", list(&[])),
        ("doctor", list(&["--network", "ADDRESS"])),
        ("config show", list(&[])),
        ("config check", list(&[])),
        ("config check", list(&[&planted.path("mistaken.toml")])),
        ("config path", list(&[])),
        ("config init", list(&[])),
        ("quarantine ls", list(&[])),
        ("quarantine show", list(&["ADDRESS"])),
        ("quarantine restore", list(&["ADDRESS"])),
        ("quarantine rm", list(&["ADDRESS"])),
        ("token new", list(&["someone", "--read", "org/*"])),
        ("completions", list(&["bash"])),
        ("demo", list(&[])),
        ("serve", list(&["--upstream", "http://me:SEKRET@127.0.0.1:9", "--listen", "127.0.0.1:0"])),
        ("rm", list(&["ADDRESS"])),
    ]
}

#[test]
fn no_command_prints_or_stores_a_secret() {
    let mut planted = Planted::new();
    let cases = cases(&planted);
    let known: BTreeSet<String> = cases.iter().map(|(command, _)| (*command).to_owned()).collect();
    assert_eq!(known, all_commands(&planted.world, &[]), "a command without a case here");
    for (command, arguments) in cases {
        let urls = planted.urls();
        let urls = match arguments.iter().map(String::as_str).find(|word| ["URL", "ADDRESS"].contains(word)) {
            Some("URL") => urls,
            Some(_) => vec![urls[0].clone(), urls[4].clone()],
            None => vec![String::new()],
        };
        for url in urls {
            let is_place = |word: &str| ["URL", "ADDRESS"].contains(&word);
            let arguments = arguments.iter().map(|word| if is_place(word) { &url } else { word }.as_str());
            let all: Vec<&str> = command.split(' ').chain(arguments).collect();
            planted.run(&all);
        }
    }
    // Object stores that answer, each with its own way of signing.
    let bucket = planted.server.url_of("");
    let endpoints = ["AWS_ENDPOINT_URL", "GOOGLE_BASE_URL", "AZURE_STORAGE_ENDPOINT"];
    planted.run_with(
        &endpoints.map(|name| (name, bucket.as_str())),
        &["get", "s3://bucket/x", "gs://bucket/x", "az://box/x"],
    );
    // What was asked for with a secret has come: the runs did not all fail before they had to use it.
    let asked = |part: &str| planted.server.requests().iter().any(|seen| format!("{seen:?}").contains(part));
    for part in
        ["SEKRETtoken", "SEKRETsig", "SEKRETsession", "SEKRETbearer", "SEKRETsas", "SEKRETmirror", "SEKRETofthemirror"]
    {
        assert!(asked(part), "{part} was never sent");
    }
    let authorized = |seen: &Seen| seen.header("authorization").is_some_and(|it| it == format!("Bearer {HUB_TOKEN}"));
    assert!(planted.world.hub.requests().iter().any(authorized));
    planted.finish();
}

#[test]
fn places_of_passwords_print_none() {
    let mut planted = Planted::new();
    planted.run(&["get", MODEL]);
    let password = "http://me:SEKRETpassword@127.0.0.1:9";
    for (name, arguments) in [
        ("HF_ENDPOINT", &["get", MODEL][..]),
        ("HF_ENDPOINT", &["doctor"][..]),
        ("HF_TOKEN", &["get", "org/other"][..]),
        ("AWS_ENDPOINT_URL", &["get", "s3://bucket/x"][..]),
        ("AWS_ENDPOINT_URL_S3", &["get", "s3://bucket/x"][..]),
        ("GOOGLE_BASE_URL", &["get", "gs://bucket/x"][..]),
        ("STORAGE_EMULATOR_HOST", &["get", "gs://bucket/x"][..]),
        ("AZURE_STORAGE_ENDPOINT", &["get", "az://box/x"][..]),
        ("http_proxy", &["get", "org/other"][..]),
        ("https_proxy", &["doctor", "--network", "https://host.invalid/x"][..]),
        ("all_proxy", &["doctor"][..]),
        ("MODEL_CACHE_LOG", &["ls"][..]),
        ("MODEL_CACHE_OFFLINE", &["ls"][..]),
    ] {
        planted.run_with(&[(name, password)], arguments);
    }
    planted.finish();
}

#[test]
fn a_redirect_to_a_signed_address_stays_unseen() {
    let mut planted = Planted::new();
    let target = planted.server.url_of("/file.bin?X-Amz-Signature=SEKRETsig&token=SEKRET");
    let redirect = refusing("302 Found", &format!("Location: {target}\r\n"), "");
    planted.run(&["get", &format!("{redirect}/file.bin")]);
    assert!(planted.server.requests().iter().any(|seen| seen.target.contains("SEKRETsig")));
    let refused = refusing("403 Forbidden", "", &format!("<Error><Message>not {target}</Message></Error>"));
    planted.run(&["get", &format!("{refused}/file.bin")]);
    planted.run(&["get", MODEL]);
    planted.finish();
}

#[test]
fn serve_logs_and_stores_no_secret() {
    let mut planted = Planted::new();
    let admin = planted.path("admin-token");
    let arguments = [
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--admin-token-file",
        &admin,
        "--log-level",
        "trace",
        "--log-format",
        "json",
    ];
    let mut command = planted.world.command(&arguments);
    let mut child = command.envs(planted.variables()).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut address = String::new();
    stdout.read_line(&mut address).unwrap();
    let address = address.trim().trim_start_matches("http://").to_owned();
    let ask = |method: &str, target: &str, token: &str, body: &str| {
        let mut stream = TcpStream::connect(&address).unwrap();
        let length = body.len();
        let request = format!(
            "{method} {target} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nCookie: a=SEKRETcookie\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    };
    let file = format!("/{PRIVATE}/resolve/main/config.json?token=SEKRETquery");
    let answers = [
        ask("GET", &file, HUB_TOKEN, ""),
        ask("GET", &file, "hf_SEKRETofanother", ""),
        ask("GET", "/api/whoami-v2", "hf_SEKRETofanother", ""),
        ask("GET", "/a/b/c?jwt=SEKRETquery", "SEKRET", ""),
        ask(
            "POST",
            "/-/admin/fetch",
            "SEKRETadmin-token-of-32-characters",
            &format!("{{\"ref\":{:?}}}", planted.urls()[0]),
        ),
        ask("GET", "/-/api/downloads", "SEKRETadmin-token-of-32-characters", ""),
    ];
    assert!(answers[0].starts_with("HTTP/1.1 200"), "{}", answers[0]);
    signal(&child, Signal::INT);
    let run = finish(child);
    planted.search("serve", run.err.as_bytes());
    for answer in &answers {
        planted.search("an answer", answer.as_bytes());
    }
    assert!(run.err.contains("resolve/main/config.json"), "no log: {run:?}");
    planted.finish();
}

#[test]
fn lock_keeps_the_public_address_and_says_so() {
    let planted = Planted::new();
    let (world, url) = (&planted.world, &planted.urls()[0]);
    let file = world.folder().join("models.lock");
    let file = file.to_str().unwrap();
    let run = world.run(&["lock", file, url]).ok();
    assert!(run.err.contains("secret parameters are not written"), "{run:?}");
    let text = fs_err::read_to_string(file).unwrap();
    assert!(text.contains("/file.bin?v=1\"") && !text.contains(MARK), "{text}");
    world.run(&["get", "--locked", file, url]).ok();
    let asked = |seen: &FaultSeen| seen.method == "GET" && seen.target.contains("token=SEKRETtoken");
    assert!(planted.server.requests().iter().any(asked), "the caller's own parameters are used");
    // A file with secrets loses them when it is written.
    fs_err::write(file, text.replace("?v=1\"", "?v=1&token=SEKRET\"")).unwrap();
    world.run(&["get", "--locked", file, url, "--offline"]).ok();
    world.run(&["lock", file, MODEL]).ok();
    assert!(!fs_err::read_to_string(file).unwrap().contains(MARK));
}

#[test]
fn registry_refuses_secret_parameters() {
    let planted = Planted::new();
    let (world, url) = (&planted.world, &planted.urls()[0]);
    let registry = world.store().join("registry.toml");
    world.run(&["registry", "add", "signed", url]).fails(2, "secret parameters");
    world.run(&["registry", "add", "other", MODEL, "--fallback", url]).fails(2, "secret parameters");
    world.run(&["registry", "import", &planted.path("registry.toml")]).fails(2, "secret parameters");
    assert!(!registry.exists());
    // A file with secrets works, is shown without, and loses them with its next change.
    fs_err::copy(planted.path("registry.toml"), &registry).unwrap();
    world.run(&["get", "signed"]).ok();
    for arguments in [&["registry", "ls"][..], &["registry", "show", "signed"], &["registry", "export"]] {
        for run in [world.run(arguments).ok(), world.run(&[arguments, &["--json"]].concat()).ok()] {
            assert!(!run.out.contains(MARK) && !run.err.contains(MARK), "{run:?}");
            assert!(run.err.contains("signed@1.0.0: the registry file holds secret parameters"), "{run:?}");
        }
    }
    world.run(&["registry", "add", "other", MODEL]).ok();
    assert!(!fs_err::read_to_string(registry).unwrap().contains(MARK));
}

#[test]
fn a_profile_sends_nothing_of_the_environment() {
    let planted = Planted::new();
    let (server, world) = (&planted.server, &planted.world);
    planted.input("keys", "[lab]\naws_access_key_id = LAB\naws_secret_access_key = LABKEY\n");
    let profiles = format!(
        "[profile lab]\nendpoint_url = {}\n[profile bare]\n[profile sso]\nsso_session = x\n",
        server.url_of("")
    );
    planted.input("profiles", &profiles);
    planted.input("s3.toml", "[s3]\nprofile = \"lab\"\nallow-http = true\n");
    let (keys, profiles, config) = (planted.path("keys"), planted.path("profiles"), planted.path("s3.toml"));
    let environment = [
        ("AWS_SHARED_CREDENTIALS_FILE", keys.as_str()),
        ("AWS_CONFIG_FILE", profiles.as_str()),
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "SEKRETkey"),
        ("AWS_SESSION_TOKEN", "SEKRETsession"),
    ];
    world.run_with(&environment, &["get", "s3://bucket/x", "--config", &config]);
    let seen = server.requests();
    assert!(!seen.is_empty());
    for request in seen {
        assert!(request.header("authorization").unwrap().contains("Credential=LAB/"), "{request:?}");
        assert_eq!(request.header("x-amz-security-token"), None);
    }
    for (profile, code, part) in [("bare", 6, "has no keys"), ("sso", 6, "sso_session"), ("none", 2, "no AWS profile")]
    {
        planted.input("s3.toml", &format!("[s3]\nprofile = {profile:?}\n"));
        world.run_with(&environment, &["get", "s3://bucket/x", "--config", &config]).fails(code, part);
    }
}

#[test]
fn an_emulator_of_buckets_gets_no_credentials() {
    let planted = Planted::new();
    let host = planted.server.url_of("");
    let variables = [("STORAGE_EMULATOR_HOST", host.as_str()), ("GOOGLE_BEARER_TOKEN", "SEKRETbearer")];
    planted.world.run_with(&variables, &["get", "gs://bucket/x"]);
    let seen = planted.server.requests();
    assert!(!seen.is_empty() && seen.iter().all(|request| request.header("authorization").is_none()), "{seen:?}");
}
