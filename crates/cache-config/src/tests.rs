use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cache_lib::{ErrorKind, EvictOrder, StoreMode};

use crate::entry::default_of;
use crate::value::Base;
use crate::*;

/// A user's folder, a project's folder and an environment of one test.
struct Place {
    folder: tempfile::TempDir,
    variables: HashMap<String, String>,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["user", "project"] {
            fs_err::create_dir(folder.path().join(name)).unwrap();
        }
        Self { folder, variables: HashMap::new() }
    }

    fn write(self, path: &str, text: &str) -> Self {
        fs_err::write(self.folder.path().join(path), text).unwrap();
        self
    }

    fn user(self, text: &str) -> Self {
        self.write("user/config.toml", text)
    }

    fn project(self, text: &str) -> Self {
        self.write("project/model-cache.toml", text)
    }

    fn variable(mut self, name: &str, text: &str) -> Self {
        self.variables.insert(name.to_owned(), text.to_owned());
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn options(&self) -> LoadOptions {
        LoadOptions::default()
            .with_cwd(self.path("project"))
            .with_user_folder(Some(self.path("user")))
            .with_variables(self.variables.clone())
    }

    fn settings(&self) -> Settings {
        Config::load(&self.options()).unwrap().settings().clone()
    }

    fn mistakes(&self) -> Vec<Mistake> {
        Config::inspect(&self.options()).1
    }

    /// The one mistake: line, column, and all its words.
    #[track_caller]
    fn mistake(&self) -> (usize, usize, String) {
        let mistakes = self.mistakes();
        assert_eq!(mistakes.len(), 1, "{mistakes:#?}");
        let ValueOrigin::File { line, column, .. } = mistakes[0].place else { panic!("{mistakes:?}") };
        (line, column, format!("{} | {}", mistakes[0], mistakes[0].hint))
    }
}

#[test]
fn later_layers_win_and_each_value_has_its_origin() {
    let origin = |place: &Place| {
        let config = Config::load(&place.options()).unwrap();
        let (_, entry) = config.all().find(|(key, _)| key.name == "transfer.retries").unwrap();
        let entry = entry.unwrap();
        (entry.value.number::<u32>().unwrap(), entry.origin)
    };
    let place = Place::new();
    assert_eq!(origin(&place), (5, ValueOrigin::Default));
    let place = place.user("\n[transfer]\nretries = 1\n");
    let (value, from) = origin(&place);
    assert_eq!((value, from.to_string()), (1, format!("{}:3", place.path("user/config.toml").display())));
    let place = place.project("transfer.retries = 2");
    let (value, from) = origin(&place);
    assert_eq!((value, from.to_string()), (2, format!("{}:1", place.path("project/model-cache.toml").display())));
    let place = place.variable("MODEL_CACHE_RETRIES", "3");
    assert_eq!(origin(&place), (3, ValueOrigin::Environment { name: "MODEL_CACHE_RETRIES" }));
    let config = Config::load(&place.options().with_flag("--retries", "transfer.retries", "4")).unwrap();
    assert_eq!(config.settings().transfer.retries, Some(4));
    assert_eq!(config.entries()[0].origin, ValueOrigin::Flag { name: "--retries" });
}

#[test]
fn variable_may_be_named_by_section_and_key() {
    let mode = |place: Place| place.settings().store.mode;
    assert_eq!(mode(Place::new().variable("MODEL_CACHE_STORE_MODE", "group")), StoreMode::Group);
    let both = Place::new().variable("MODEL_CACHE_STORE_MODE", "group").variable("MODEL_CACHE_MODE", "private");
    assert_eq!(mode(both), StoreMode::Private, "the documented name counts first");
    let mistake = Place::new().variable("MODEL_CACHE_STORE_QUOTA", "plenty").mistakes();
    assert_eq!(mistake[0].place.to_string(), "MODEL_CACHE_STORE_QUOTA");
    let mut names: Vec<_> = KEYS.iter().flat_map(Key::variables).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all, "a name of two keys");
}

#[test]
fn unknown_variable_gets_a_warning() {
    let warnings = |place: &Place| Config::load(&place.options()).unwrap().warnings().to_vec();
    let place = Place::new()
        .variable("MODEL_CACHE_STOR_MODE", "group")
        .variable("MODEL_CACHE_QUTOA", "1GB")
        .variable("MODEL_CACHE_ZZZ", "hush")
        .variable("MODEL_CACHE_MY_TOKEN", "hush")
        .variable("OTHER_QUTOA", "1");
    let place = place.user("hub.token = { env = \"MODEL_CACHE_MY_TOKEN\" }");
    assert_eq!(
        warnings(&place),
        [
            "MODEL_CACHE_QUTOA: no such variable; did you mean MODEL_CACHE_QUOTA?",
            "MODEL_CACHE_STOR_MODE: no such variable; did you mean MODEL_CACHE_STORE_MODE?",
            "MODEL_CACHE_ZZZ: no such variable; run `model-cache config show` for all keys",
        ]
    );
    let known = KEYS.iter().flat_map(Key::variables);
    let known = known.fold(Place::new(), |place, name| place.variable(name, ""));
    assert_eq!(warnings(&known.variable("MODEL_CACHE_CONFIG", "").variable("MODEL_CACHE_FAILPOINT", "x")), [""; 0]);
}

#[test]
fn every_key_is_read_from_its_example_and_changes_the_settings() {
    for key in KEYS {
        let name = key.name.replace('*', "name");
        let url = if key.section() == "mirrors" { "mirrors.name.url = \"https://m.example\"\n" } else { "" };
        let url = if key.leaf() == "url" { "" } else { url };
        let before = Place::new().user(url).settings();
        let place = Place::new().user(&format!("{url}{name} = {}", key.example));
        assert_ne!(place.settings(), before, "{name}: the example changes nothing");
        assert_eq!(key.variable.is_none(), key.has_item(), "{name}");
        if let Preset::Is(text) = key.preset {
            let base = Base { folder: Path::new(""), home: None };
            assert!(key.kind.of_text(text, base).is_ok(), "{name}: the default cannot be read");
        }
        if let Some(variable) = key.variable {
            let text = key.example.trim_matches(['"', '[', ']']).trim_matches('"');
            let place = Place::new().variable(variable, text);
            assert_ne!(place.settings(), Settings::default(), "{variable}");
        }
    }
    let mut names: Vec<_> = KEYS.iter().map(|key| key.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), KEYS.len());
}

#[test]
fn the_defaults_that_are_told_are_those_in_force() {
    let told = |name: &str| match default_of(KEYS.iter().find(|key| key.name == name).unwrap()).unwrap().value {
        Value::Number(number) => number.unsigned_abs(),
        Value::Age(age) => age.as_secs(),
        other => panic!("{other:?}"),
    };
    let engine = Settings::default().engine_config();
    assert_eq!(told("transfer.retries"), u64::from(engine.retries));
    assert_eq!(told("transfer.connections"), engine.connections_per_host as u64);
    assert_eq!(told("transfer.jobs"), engine.files as u64);
    assert_eq!(told("transfer.stall-timeout"), engine.stall_window.as_secs());
    assert_eq!(told("transfer.leader-timeout"), engine.leader_timeout.as_secs());
    assert_eq!(told("transfer.max-wait"), engine.max_wait.as_secs());
    let http = cache_net::HttpConfig::default();
    assert_eq!(told("network.connect-timeout"), http.connect_timeout.as_secs());
    assert_eq!(told("network.read-timeout"), http.read_timeout.as_secs());
    assert_eq!(told("transfer.max-wait"), http.retry.patience.as_secs());
    assert_eq!(told("transfer.connections"), http.max_per_host as u64);
}

#[test]
fn an_unknown_key_has_its_line_and_the_nearest_right_key() {
    for (text, line, column, hint) in [
        ("[store]\ndir = \"/x\"\nquotta = \"1GB\"", 3, 1, "did you mean `store.quota`?"),
        ("quota = \"1GB\"", 1, 1, "did you mean `store.quota`?"),
        ("[transfer]\n  limit_rate = 5", 2, 3, "did you mean `transfer.limit-rate`?"),
        ("[stor]\nquota = 1", 1, 2, "did you mean `store`?"),
        ("[hosts.\"a.b\"]\nconection = 1", 2, 1, "did you mean `hosts.*.connections`?"),
        ("[store]\nzzzz = 1", 2, 1, "run `model-cache config show` for all keys"),
    ] {
        let (at, from, words) = Place::new().user(text).mistake();
        assert_eq!((at, from), (line, column), "{text}: {words}");
        assert!(words.ends_with(hint), "{text}: {words}");
    }
}

#[test]
fn a_wrong_value_says_what_was_read_and_what_is_right() {
    for (text, words) in [
        ("store.quota = \"plenty\"", &["\"plenty\" is not a size", "1.5GiB"][..]),
        ("store.quota = true", &["expected a size, got a boolean", "\"500MB\""]),
        ("store.quota = -1", &["-1 is negative"]),
        ("store.policy = \"fifo\"", &["\"fifo\" is not one", "\"lru\" or \"ttl\" or \"size\""]),
        ("transfer.jobs = 0", &["0 is too small", "from 1 to 1024"]),
        ("transfer.jobs = \"4\"", &["expected a number, got a string", "a whole number"]),
        ("transfer.jobs = 1.5", &["expected a number, got a fraction"]),
        ("network.offline = \"yes\"", &["expected a boolean, got a string", "true or false"]),
        ("network.read-timeout = 30", &["expected a duration, got a number", "\"30s\""]),
        ("network.read-timeout = \"0s\"", &["too short"]),
        ("hub.endpoint = \"ftp://x\"", &["not an http or https URL"]),
        ("store = 1", &["expected a table, got a number", "[store]"]),
        ("hosts.x = 1", &["expected a table, got a number", "[hosts.x]"]),
        ("mirrors.m.preference = 1", &["mirrors.m: it has no address", "url ="]),
        ("mirrors.m.models = [1]\nmirrors.m.url = \"https://m\"", &["not a string"]),
    ] {
        let (line, _, told) = Place::new().user(text).mistake();
        assert_eq!(line, 1, "{text}");
        words.iter().for_each(|word| assert!(told.contains(word), "{text}: {word:?} is not in {told}"));
    }
    let error = Config::load(&Place::new().variable("MODEL_CACHE_QUOTA", "plenty").options()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.message().starts_with("MODEL_CACHE_QUOTA: \"plenty\""), "{error}");
}

#[test]
fn all_mistakes_are_told_in_the_order_of_their_lines() {
    let place = Place::new().user("[transfer]\njobs = 0\nx = 1\n[store]\nquota = \"?\"\n[log]\nformat = \"xml\"");
    let lines: Vec<_> = place
        .mistakes()
        .into_iter()
        .map(|mistake| if let ValueOrigin::File { line, .. } = mistake.place { line } else { 0 })
        .collect();
    assert_eq!(lines, [2, 3, 5, 7]);
}

#[test]
fn a_token_is_refused_and_not_repeated() {
    for text in [
        "[hub]\ntoken = \"hf_secretsecret\"",
        "[hub]\ntoken = hf_secretsecret",
        "[hub]\ntoken = { env = \"hf_secretsecret\" }",
        "[hub]\ntoken = { value = \"hf_secretsecret\" }",
        "[hub]\nendpoint = \"https://me:hf_secretsecret@hub.example\"",
        "mirrors.m.url = \"https://m\"\nmirrors.m.token = \"hf_secretsecret\"",
    ] {
        let (line, _, told) = Place::new().user(text).mistake();
        assert_eq!(line, 2, "{text}");
        assert!(!told.contains("secretsecret"), "{told}");
    }
    let (_, _, told) = Place::new().user("hub.token = \"hf_x\"").mistake();
    assert!(told.contains("{ env = \"VARIABLE\" }"), "{told}");
    let place = Place::new().variable("MODEL_CACHE_TOKEN", "hf_secretsecret").variable("HF_TOKEN", "hf_secretsecret");
    let config = Config::load(&place.options()).unwrap();
    assert!(!format!("{config:?} {:?}", config.entries()[0].json()).contains("secretsecret"));
    assert_eq!(config.settings().hub.token, Some(TokenRef::Env("MODEL_CACHE_TOKEN".to_owned())));
}

#[test]
fn json_is_read_with_its_lines() {
    let text = "{\n  \"store\": { \"quota\": \"1GB\" },\n  \"hosts\": { \"a.b\": {\n    \"connections\": 2 } }\n}";
    let place = Place::new().write("user/config.json", text);
    let config = Config::load(&place.options()).unwrap();
    assert_eq!(config.settings().store.quota, Some(1_000_000_000));
    assert_eq!(config.settings().hosts["a.b"].connections, Some(2));
    assert!(config.entries()[1].origin.to_string().ends_with("config.json:4"), "{}", config.entries()[1].origin);
    assert_eq!(config.entries()[1].name(), "hosts.\"a.b\".connections");
    for (text, line) in [
        ("{\n\"store\": {\n\"quotta\": 1}}", 3),
        ("{\n\"store\": {\"quota\": }}", 2),
        ("{\"store\":\n null}", 2),
        ("[]", 1),
        ("", 1),
    ] {
        assert_eq!(Place::new().write("user/config.json", text).mistake().0, line, "{text}");
    }
    let both = place.user("[store]\nquota = \"2GB\"");
    let config = Config::load(&both.options()).unwrap();
    assert_eq!(config.settings().store.quota, Some(2_000_000_000));
    assert!(config.warnings()[0].contains("config.json is ignored"), "{:?}", config.warnings());
}

#[test]
fn a_projects_file_may_not_say_whom_to_trust() {
    for key in KEYS {
        let text = format!("{} = {}", key.name.replace('*', "name"), key.example);
        let mistakes = Place::new().project(&text).mistakes();
        let may = key.project == Project::May
            || matches!(key.project, Project::MayOnly(only) if key.example.trim_matches('"') == only);
        assert_eq!(mistakes.is_empty(), may, "{text}: {mistakes:?}");
    }
    assert_eq!(Place::new().project("verify.digest = \"off\"").mistakes().len(), 1);
    assert_eq!(Place::new().project("network.offline = false").mistakes().len(), 1);
    for name in [
        "store.dir",
        "store.quota",
        "store.policy",
        "hub.endpoint",
        "hub.token",
        "network.ca-bundle",
        "network.proxy",
        "mirrors.*.url",
        "mirrors.*.token",
        "s3.endpoint",
        "project.trust",
        "server.listen",
        "server.anonymous",
        "users.*.read",
        "models.*.from",
    ] {
        assert_eq!(KEYS.iter().find(|key| key.name == name).unwrap().project, Project::MayNot, "{name}");
    }
}

#[test]
fn a_folder_is_trusted_by_the_user_and_not_by_itself() {
    let evil = "hub.endpoint = \"https://evil.example\"";
    let itself = Place::new();
    let trust = format!("project.trust = [{:?}]", itself.path("project"));
    assert_eq!(itself.project(&format!("{evil}\n{trust}")).mistakes().len(), 2);
    let place = Place::new().project(evil);
    let trust = format!("project.trust = [{:?}]", place.path(""));
    let trusted = place.user(&trust).settings();
    assert_eq!(trusted.hub.endpoint.unwrap().as_str(), "https://evil.example/");
    let place = Place::new().project(evil);
    let folder = place.path("project").display().to_string();
    assert_eq!(place.variable("MODEL_CACHE_TRUST", &folder).mistakes(), []);
    let place = Place::new().project(evil);
    let named = place.options().with_file(Some(place.path("project/model-cache.toml")));
    assert_eq!(Config::inspect(&named).1, []);
}

#[cfg(unix)]
#[test]
fn a_projects_file_that_others_may_write_is_not_read() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new().project("transfer.jobs = 1");
    let path = place.path("project/model-cache.toml");
    fs_err::set_permissions(path, std::fs::Permissions::from_mode(0o666)).unwrap();
    let config = Config::load(&place.options()).unwrap();
    assert_eq!(config.settings().transfer.jobs, None);
    assert!(config.warnings()[0].contains("is ignored"), "{:?}", config.warnings());
}

#[test]
fn a_named_file_replaces_the_others_and_has_to_be_there() {
    let place = Place::new()
        .user("transfer.jobs = 1")
        .project("transfer.retries = 1")
        .write("own.toml", "log.level = \"debug\"");
    let named = place.options().with_file(Some(place.path("own.toml")));
    let settings = Config::load(&named).unwrap().settings().clone();
    assert_eq!((settings.transfer, settings.log.level.as_deref()), (TransferSettings::default(), Some("debug")));
    let own = place.path("own.toml").display().to_string();
    let place = place.variable("MODEL_CACHE_CONFIG", &own);
    assert_eq!(place.settings().transfer, TransferSettings::default());
    let place = place.variable("MODEL_CACHE_CONFIG", "/nowhere/config.toml");
    assert!(place.mistakes()[0].to_string().starts_with("MODEL_CACHE_CONFIG: "));
    let place = place.variable("MODEL_CACHE_CONFIG", "");
    assert_eq!(place.settings().transfer.jobs, Some(1));
}

#[test]
fn paths_are_relative_to_their_file() {
    let place = Place::new().user("store.dir = \"models\"\nhub.token = { file = \"token\" }");
    let settings = place.settings();
    assert_eq!(settings.store.dir, Some(place.path("user/models")));
    assert_eq!(settings.hub.token, Some(TokenRef::File(place.path("user/token"))));
    let settings = place.variable("MODEL_CACHE_DIR", "/elsewhere").settings();
    assert_eq!(settings.store.dir, Some("/elsewhere".into()));
}

#[test]
fn variables_of_hugging_face_rank_below_ours() {
    let place = Place::new().variable("HF_HUB_OFFLINE", "ON");
    assert_eq!(place.settings().network.offline, Some(true));
    let place = place.variable("MODEL_CACHE_OFFLINE", "0");
    assert_eq!(place.settings().network.offline, Some(false));
    // Above the file, and left to cache-hf.
    let place = Place::new().user("hub.endpoint = \"https://a.example\"").variable("HF_ENDPOINT", "https://b.example");
    assert_eq!(place.settings().hub.endpoint, None);
    let place = place.variable("MODEL_CACHE_ENDPOINT", "https://c.example");
    assert_eq!(place.settings().hub.endpoint.unwrap().as_str(), "https://c.example/");
    let token = Place::new().user("hub.token = { env = \"A\" }").variable("HF_TOKEN", "hf_x");
    assert_eq!(token.settings().hub.token, None);
    let token = token.variable("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1");
    assert_eq!(token.settings().hub.token, Some(TokenRef::Env("A".to_owned())));
}

#[test]
fn a_policy_is_one_of_the_store() {
    let policy = |text: &str| Place::new().user(text).settings().store_options();
    assert_eq!(policy("store.policy = \"ttl\"").ttl, Some(Duration::from_secs(30 * 86_400)));
    assert_eq!(policy("store.policy = \"ttl\"\nstore.ttl = \"1d\"").ttl, Some(Duration::from_secs(86_400)));
    assert_eq!(policy("store.ttl = \"1d\"").ttl, None);
    assert_eq!(policy("store.policy = \"size\"").order, EvictOrder::Largest);
    assert_eq!(policy("store.quota = \"off\"").quota, None);
}

#[test]
fn the_mirrors_users_and_models_are_read() {
    let text = "[server]\nlisten = [\"unix:/run/s\"]\nrate = 5\nrefresh = \"2m\"\n\
                [users.ana]\ntoken-sha256 = \"ab\"\nread = [\"org/*\", \"datasets/org/*\"]\n\
                [models.\"org/name\"]\nfrom = \"./dir\"";
    let settings = Place::new().user(text).settings();
    assert_eq!(settings.server.listen, ["unix:/run/s"]);
    assert_eq!((settings.server.rate, settings.server.refresh), (Some(5), Some(Duration::from_secs(120))));
    assert_eq!(settings.users["ana"].token_sha256, "ab");
    assert_eq!(settings.users["ana"].read, ["org/*", "datasets/org/*"]);
    assert_eq!(settings.models["org/name"].from, "./dir");
    let (line, _, told) = Place::new().user("[server]\nadmin-token = \"secretsecret\"").mistake();
    assert!(line == 2 && !told.contains("secretsecret"), "{told}");
    assert!(Place::new().user("server.rate = 0").mistake().2.contains("0 is too small"));
}

#[test]
fn hostile_files_do_no_harm() {
    let deep = format!("a = {}1{}", "[".repeat(5000), "]".repeat(5000));
    let json = format!("{{\"store\": {}1{}}}", "[".repeat(5000), "]".repeat(5000));
    assert!(!Place::new().user(&deep).mistakes().is_empty());
    assert!(!Place::new().write("user/config.json", &json).mistakes().is_empty());
    let (_, _, told) = Place::new().user("\"\\u001b[31m\" = 1").mistake();
    assert!(!told.contains('\u{1b}'), "{told:?}");
    let (_, _, told) = Place::new().user(&"#".repeat(2 << 20)).mistake();
    assert!(told.contains("larger than"), "{told}");
    let place = Place::new();
    fs_err::write(place.path("user/config.toml"), b"a\n\xff").unwrap();
    assert!(place.mistake().2.contains("line 2 is not UTF-8"));
}

#[test]
fn the_example_is_a_configuration_and_so_is_what_it_comments_out() {
    assert_eq!(Place::new().user(&example()).mistakes(), []);
    let all = example().replace("# [", "[").lines().fold(String::new(), |text, line| {
        let key =
            line.strip_prefix("# ").filter(|rest| KEYS.iter().any(|k| rest.starts_with(&format!("{} = ", k.leaf()))));
        text + key.unwrap_or(line) + "\n"
    });
    let config = Config::load(&Place::new().user(&all).options()).unwrap();
    assert_eq!(config.entries().len(), KEYS.len());
    let page = reference();
    KEYS.iter().for_each(|key| assert!(page.contains(&format!("| `{}` |", key.leaf())), "{}", key.name));
}
