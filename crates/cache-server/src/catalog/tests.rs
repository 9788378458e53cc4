use cache_lib::{ErrorKind, RepoKind, RepoName};
use cache_testkit::{Access, Content, Hub, HubConfig, HubFault, Matches, fixtures};

use axum::response::IntoResponse as _;

use super::*;
use crate::access::{Permissions as _, RepoAccess};
use crate::config::ModelAlias;

struct World {
    hub: Hub,
    folder: tempfile::TempDir,
    config: ServerConfig,
}

impl World {
    async fn new() -> Self {
        let hub = Hub::start(HubConfig::default()).await;
        hub.add_model("org/model", fixtures::model());
        Self { hub, folder: tempfile::tempdir().unwrap(), config: ServerConfig::default() }
    }

    fn catalog(&self, offline: bool) -> Catalog {
        let cache = Cache::builder().root(self.folder.path().join("store")).endpoint(self.hub.url()).offline(offline);
        Catalog::new(cache.build().unwrap(), &self.config, Arc::default()).unwrap()
    }

    fn asked(&self, part: &str) -> usize {
        self.hub.requests().iter().filter(|seen| seen.path.contains(part)).count()
    }
}

fn repo(name: &str) -> Repo {
    Repo { kind: RepoKind::Model, name: RepoName::parse(name).unwrap() }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_ask_at_once_and_upstream_is_asked_once() {
    let world = World::new().await;
    let catalog = Arc::new(world.catalog(false));
    let asking = (0..50).map(|_| {
        let catalog = Arc::clone(&catalog);
        tokio::spawn(async move { catalog.version(&Grant::default(), &repo("org/model"), "main").await.unwrap() })
    });
    let found: Vec<Found> = futures::future::try_join_all(asking).await.unwrap();
    assert!(found.iter().all(|one| Arc::ptr_eq(&one.view, &found[0].view) && !one.stale));
    assert_eq!((world.asked("/revision/"), world.asked("/tree/")), (1, 1));
    assert_eq!(found[0].view.info["id"], "org/model");
    assert!(found[0].view.info.get("siblings").is_none());
    let commit = found[0].view.commit.clone();
    catalog.version(&Grant::default(), &repo("org/model"), &commit).await.unwrap();
    assert_eq!(world.hub.requests().len(), 2, "a commit that is known costs nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn known_answers_are_stale_while_upstream_is_down() {
    let mut world = World::new().await;
    world.config.refresh = Duration::ZERO;
    let first = world.catalog(false).version(&Grant::default(), &repo("org/model"), "main").await.unwrap();
    world.catalog(false).refs(&Grant::default(), &repo("org/model"), false).await.unwrap();
    world.hub.trouble(Matches::default(), HubFault::Status(503));
    let catalog = world.catalog(false);
    let again = catalog.version(&Grant::default(), &repo("org/model"), "main").await.unwrap();
    assert!(again.stale);
    assert_eq!((&again.view.commit, &again.view.info), (&first.view.commit, &first.view.info));
    let refs = catalog.refs(&Grant::default(), &repo("org/model"), true).await.unwrap();
    assert_eq!(refs.value["branches"][0]["targetCommit"], first.view.commit.as_str());
    assert!(refs.stale);
    let before = world.hub.requests().len();
    for _ in 0..50 {
        assert!(catalog.version(&Grant::default(), &repo("org/model"), "main").await.unwrap().stale);
    }
    // The question behind the first answers may still be retried.
    let asked = world.hub.requests().len() - before;
    assert!(asked < 10, "one who does not answer is not asked for every request: {asked}");
    let unknown = catalog.version(&Grant::default(), &repo("org/other"), "main").await;
    assert!(matches!(unknown, Err(HubError::Unavailable(_))), "{unknown:?}");
    let offline = world.catalog(true);
    assert!(!offline.version(&Grant::default(), &repo("org/model"), "main").await.unwrap().stale);
    let unknown = offline.version(&Grant::default(), &repo("org/other"), "main").await;
    assert!(matches!(unknown, Err(HubError::RepoNotFound)), "{unknown:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_asked_to_wait_does_not_ask() {
    let mut world = World::new().await;
    world.config.refresh = Duration::ZERO;
    world.hub.add_model("org/second", fixtures::model());
    world.catalog(false).version(&Grant::default(), &repo("org/model"), "main").await.unwrap();
    world.hub.trouble(Matches::default(), HubFault::TooMany { reset: 600 });
    let catalog = world.catalog(false);
    let before = world.hub.requests().len();
    assert!(catalog.version(&Grant::default(), &repo("org/model"), "main").await.unwrap().stale);
    for _ in 0..20 {
        let other = catalog.version(&Grant::default(), &repo("org/second"), "main").await;
        assert!(matches!(other, Err(HubError::Limited(wait)) if wait > Duration::from_secs(250)), "{other:?}");
    }
    assert_eq!(world.hub.requests().len(), before + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_is_served_as_a_repository() {
    let mut world = World::new().await;
    let folder = world.folder.path().join("mine");
    fs_err::create_dir(&folder).unwrap();
    fs_err::write(folder.join("config.json"), "{}").unwrap();
    let from = folder.to_str().unwrap().to_owned();
    world.config.models.insert("my/model".to_owned(), ModelAlias { from });
    let catalog = world.catalog(false);
    let found = catalog.version(&Grant::default(), &repo("my/model"), "main").await.unwrap();
    assert_eq!((found.view.commit.len(), found.view.manifest.files.len()), (40, 1));
    assert!(found.view.manifest.version.commit.as_str().starts_with(&found.view.commit));
    let pinned = catalog.version(&Grant::default(), &repo("my/model"), &found.view.commit).await.unwrap();
    assert_eq!(pinned.view.manifest, found.view.manifest);
    let reader = catalog.open(&Grant::default(), &pinned.view, &"config.json".parse().unwrap(), false).await.unwrap();
    assert_eq!(reader.read_at(0, 10).await.unwrap(), "{}");
    let listed: Vec<String> = catalog.repos().await.unwrap().iter().map(|(repo, _)| repo.to_string()).collect();
    assert_eq!(listed, ["my/model"]);
    assert!(Arc::ptr_eq(&catalog.repos().await.unwrap(), &catalog.repos().await.unwrap()), "one walk for many");
    assert!(world.hub.requests().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn how_a_repository_stands_to_a_token() {
    let mut world = World::new().await;
    world.hub.add_user("hf_let_in", "ann");
    world.hub.add_user("hf_other", "bob");
    for (name, access) in [("org/private", Access::private(["ann"])), ("org/gated", Access::gated(["ann"]))] {
        world.hub.add_model(name, fixtures::model());
        world.hub.set_access(name, access);
    }
    world.config.upstream = vec!["org/*".to_owned()];
    let catalog = world.catalog(false);
    let (ann, bob) = (Token::new("hf_let_in"), Token::new("hf_other"));
    for (name, token, standing) in [
        ("org/model", None, RepoAccess::Public),
        ("org/model", Some(&bob), RepoAccess::Accepted),
        ("org/private", None, RepoAccess::Refused),
        ("org/private", Some(&bob), RepoAccess::Refused),
        ("org/private", Some(&ann), RepoAccess::Accepted),
        ("org/gated", None, RepoAccess::Gated),
        ("org/gated", Some(&bob), RepoAccess::Gated),
        ("org/gated", Some(&ann), RepoAccess::Accepted),
        ("org/none", Some(&ann), RepoAccess::Refused),
        ("elsewhere/model", Some(&ann), RepoAccess::Refused),
    ] {
        assert_eq!(catalog.ask(&repo(name), token).await.unwrap(), standing, "{name} {}", token.is_some());
    }
    let grant = Grant { token: Some(ann), own: false };
    let found = catalog.version(&grant, &repo("org/private"), "main").await.unwrap();
    assert_eq!(found.view.info["private"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_token_is_refused_is_not_refused_to_another() {
    let world = World::new().await;
    world.hub.add_user("hf_let_in", "ann");
    world.hub.add_user("hf_other", "bob");
    world.hub.add_model("org/private", fixtures::model());
    world.hub.set_access("org/private", Access::private(["ann"]));
    let catalog = world.catalog(false);
    let grant = |token: &str| Grant { token: Some(Token::new(token)), own: false };
    // Granted a moment ago, and no longer.
    let lapsed = catalog.version(&grant("hf_other"), &repo("org/private"), "main").await;
    assert!(matches!(lapsed, Err(HubError::RepoNotFound)), "{lapsed:?}");
    let refs = catalog.refs(&grant("hf_other"), &repo("org/private"), false).await;
    assert!(matches!(refs, Err(HubError::RepoNotFound)), "{refs:?}");
    catalog.version(&grant("hf_let_in"), &repo("org/private"), "main").await.unwrap();
    catalog.refs(&grant("hf_let_in"), &repo("org/private"), false).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn each_token_waits_for_itself() {
    let world = World::new().await;
    world.hub.add_user("hf_let_in", "ann");
    let catalog = world.catalog(false);
    let ann = Grant { token: Some(Token::new("hf_let_in")), own: false };
    world.hub.trouble(Matches::default(), HubFault::TooMany { reset: u64::MAX });
    for _ in 0..3 {
        let limited = catalog.version(&Grant::default(), &repo("org/model"), "main").await;
        assert!(matches!(limited, Err(HubError::Limited(_))), "{limited:?}");
    }
    world.hub.clear_trouble();
    catalog.version(&ann, &repo("org/model"), "main").await.unwrap();
    let limited = catalog.version(&Grant::default(), &repo("org/other"), "main").await;
    assert!(matches!(limited, Err(HubError::Limited(_))), "{limited:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_no_revision_can_have_are_not_remembered() {
    let world = World::new().await;
    let catalog = world.catalog(false);
    for length in 0..20 {
        let revision = "x".repeat(60_000 + length);
        let found = catalog.version(&Grant::default(), &repo("org/model"), &revision).await;
        assert!(matches!(found, Err(HubError::RevisionNotFound)), "{found:?}");
    }
    assert_eq!(catalog.names.len(), 0);
    assert!(world.hub.requests().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revision_of_an_alias_is_not_its_main() {
    let mut world = World::new().await;
    let old = world.hub.add_model("org/versions", fixtures::model());
    world.hub.tag("org/versions", "v1", &old);
    let new = world.hub.commit("org/versions", "main", [("new.txt", Content::from("new"))]);
    assert_ne!(old, new);
    world.config.models.insert("my/model".to_owned(), ModelAlias { from: "hf://org/versions".to_owned() });
    world.config.models.insert("my/old".to_owned(), ModelAlias { from: "hf://org/versions@v1".to_owned() });
    let commit = async |catalog: &Catalog, name: &str, revision: &str| {
        catalog.version(&Grant::default(), &repo(name), revision).await.map(|found| found.view.commit.clone()).unwrap()
    };
    let online = world.catalog(false);
    assert_eq!(commit(&online, "my/model", "main").await, new.as_str());
    assert_eq!(commit(&online, "my/model", "v1").await, old.as_str());
    assert_eq!(commit(&online, "my/old", "main").await, old.as_str());
    world.hub.trouble(Matches::default(), HubFault::Status(503));
    let down = world.catalog(false);
    assert_eq!(commit(&down, "my/model", "main").await, new.as_str());
    assert_eq!(commit(&down, "my/old", "main").await, old.as_str());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hanging_upstream_keeps_nobody_waiting() {
    let mut world = World::new().await;
    world.config.refresh = Duration::ZERO;
    let (grant, model) = (Grant::default(), repo("org/model"));
    let catalog = world.catalog(false);
    let first = catalog.version(&grant, &model, "main").await.unwrap();
    catalog.refs(&grant, &model, false).await.unwrap();
    world.hub.trouble(Matches::default(), HubFault::Silence);
    // Also by a server that was started meanwhile, and has only the store.
    for (catalog, hanging) in [(catalog, 2), (world.catalog(false), 4)] {
        let before = world.hub.requests().len();
        for _ in 0..50 {
            let found = catalog.version(&grant, &model, "main").await.unwrap();
            assert!(found.stale && found.view.commit == first.view.commit);
            assert!(catalog.refs(&grant, &model, false).await.unwrap().stale);
        }
        world.hub.stalled(hanging).await;
        assert_eq!(world.hub.requests().len(), before + 2, "one question for each");
    }
    world.hub.clear_trouble();
    world.hub.release();
    let catalog = world.catalog(false);
    let moved = world.hub.commit("org/model", "main", [("new.txt", Content::from("new"))]);
    while catalog.version(&grant, &model, "main").await.unwrap().view.commit != moved.as_str() {}
}

#[tokio::test(flavor = "multi_thread")]
async fn timeouts_open_the_circuit() {
    let world = World::new().await;
    world.hub.trouble(Matches::default(), HubFault::Silence);
    let catalog = world.catalog(false);
    let asking = (0..10).map(|n| {
        let catalog = catalog.clone();
        async move { catalog.version(&Grant::default(), &repo(&format!("org/r{n}")), "main").await.map(drop) }
    });
    for unanswered in futures::future::join_all(asking).await {
        let error = unanswered.unwrap_err();
        assert!(matches!(&error, HubError::Unavailable(error) if error.message().contains("no response")), "{error:?}");
    }
    let before = world.hub.requests().len();
    for n in 10..20 {
        let refused = catalog.version(&Grant::default(), &repo(&format!("org/r{n}")), "main").await.unwrap_err();
        assert_eq!(refused.into_response().status(), 503, "and no 429");
    }
    assert_eq!(world.hub.requests().len(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_port_is_no_rate_limit() {
    let dir = tempfile::tempdir().unwrap();
    let cache = Cache::builder().root(dir.path()).endpoint("http://127.0.0.1:1").build().unwrap();
    let catalog = Catalog::new(cache, &ServerConfig::default(), Arc::default()).unwrap();
    for n in 0..30 {
        let refused = catalog.version(&Grant::default(), &repo(&format!("org/r{n}")), "main").await.unwrap_err();
        let status = refused.into_response().status();
        assert!(matches!(status.as_u16(), 503 | 504), "{status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn invented_revisions_cost_few_questions() {
    let world = World::new().await;
    world.hub.add_model("org/second", fixtures::model());
    let (grant, model) = (Grant::default(), repo("org/model"));
    let catalog = world.catalog(false);
    let stranger = catalog.of_client(ClientGroup::Network([10, 0, 0, 1].into()));
    stranger.version(&grant, &model, "main").await.unwrap();
    let before = world.hub.requests().len();
    let (stranger, grant, model) = (&stranger, &grant, &model);
    let mut asking = (0..5000)
        .map(|n| async move {
            // Of commits and lists there are as many invented names as of branches.
            match n % 3 {
                0 => stranger.version(grant, model, &format!("v{n}")).await.map(drop),
                1 => stranger.version(grant, model, &format!("{n:040x}")).await.map(drop),
                _ => stranger.commits(grant, model, &format!("{n:040x}")).await.map(drop),
            }
        })
        .collect::<futures::stream::FuturesUnordered<_>>();
    let mut limited = 0;
    // The last few wait for their turns.
    for _ in 0..4990 {
        let answer = futures::StreamExt::next(&mut asking).await.unwrap();
        limited += usize::from(matches!(answer, Err(HubError::Limited(_))));
    }
    drop(asking);
    let asked = world.hub.requests().len() - before;
    assert!(asked <= 70 && limited > 4900, "{asked} questions, {limited} refused");
    // What is known is not held up, nor is another client.
    stranger.version(grant, model, "main").await.unwrap();
    let other = catalog.of_client(ClientGroup::Network([10, 0, 0, 2].into()));
    other.version(grant, &repo("org/second"), "main").await.unwrap();
}
#[tokio::test(flavor = "multi_thread")]
async fn alias_stands_as_its_source_does() {
    let mut world = World::new().await;
    world.hub.add_user("hf_ann", "ann");
    world.hub.add_model("org/private", fixtures::model());
    world.hub.set_access("org/private", Access::private(["ann"]));
    let folder = world.folder.path().join("mine");
    fs_err::create_dir(&folder).unwrap();
    let sources = ["hf://org/model", "hf://org/private", "s3://bucket/prefix", folder.to_str().unwrap()];
    for (nth, from) in sources.into_iter().enumerate() {
        world.config.models.insert(format!("my/m{nth}"), ModelAlias { from: from.to_owned() });
    }
    let catalog = world.catalog(false);
    for (name, standing) in [
        ("my/m0", RepoAccess::Public),
        ("my/m1", RepoAccess::Refused),
        ("my/m2", RepoAccess::Refused),
        ("my/m3", RepoAccess::Refused),
    ] {
        let found = catalog.ask(&repo(name), None).await;
        let refused = found.as_ref().is_err_and(|error| error.kind() == ErrorKind::NotFound);
        assert!(
            found.as_ref().is_ok_and(|found| *found == standing) || (refused && standing == RepoAccess::Refused),
            "{name}: {found:?}"
        );
    }
}
