//! Files of others: what is adopted, placed, read and exported does no harm to what lies around it.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use cache_testkit::{Access, Content};
use fs_err as fs;

use crate::world::{MODEL, Run, World, binary, finish, tree};

/// The commit of a cache that is made by hand.
const COMMIT: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/// A Hugging Face cache with one file, `f.bin`, and the path of its blob, which is not made.
fn hf_cache(world: &World, bytes: &str) -> (PathBuf, PathBuf) {
    let repository = world.folder().join("hub/models--org--made");
    let sha256 = Content::bytes(bytes.as_bytes().to_vec()).sha256().to_string();
    for folder in ["refs", "blobs", &format!("snapshots/{COMMIT}")] {
        fs::create_dir_all(repository.join(folder)).unwrap();
    }
    fs::write(repository.join("refs/main"), COMMIT).unwrap();
    symlink(format!("../../blobs/{sha256}"), repository.join("snapshots").join(COMMIT).join("f.bin")).unwrap();
    (world.folder().join("hub"), repository.join("blobs").join(sha256))
}

fn write(path: &Path, bytes: &str, mode: u32) {
    fs::write(path, bytes).unwrap();
    set_mode(path, mode);
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

/// Adopts the cache: the file is in the store, and the original is what it was.
#[track_caller]
fn adopted_and_left_alone(world: &World, cache: &Path, original: &Path, why: &str) -> PathBuf {
    let before = fs::metadata(original).unwrap();
    let run = world.run(&["adopt", cache.to_str().unwrap(), "--json"]).ok();
    let file = run.json()["models"][0]["files"][0].clone();
    // On a file system that clones, there is nothing to keep apart.
    assert!(file["state"] == "linked" || (file["apart"] == why && run.err.contains(why)), "{run:?}");
    let after = fs::metadata(original).unwrap();
    let state =
        |metadata: &std::fs::Metadata| (metadata.mode(), metadata.nlink(), metadata.uid(), metadata.ctime_nsec());
    assert_eq!(state(&before), state(&after), "{why}");
    let ours = world.run(&["get", "--offline", "org/made/f.bin"]).ok().path();
    assert_eq!(fs::read(&ours).unwrap(), fs::read(original).unwrap());
    assert_ne!(fs::metadata(&ours).unwrap().ino(), after.ino());
    ours
}

#[test]
fn adopt_of_a_link_out_changes_nothing_outside() {
    let world = World::new();
    let outside = world.folder().join("outside");
    write(&outside, "known content", 0o640);
    let (cache, blob) = hf_cache(&world, "known content");
    symlink(&outside, &blob).unwrap();
    let ours = adopted_and_left_alone(&world, &cache, &outside, "outside the folder");
    assert_eq!(mode(&ours), 0o440);
}

#[test]
fn adopt_of_a_snapshots_link_out_copies() {
    let world = World::new();
    let outside = world.folder().join("outside");
    write(&outside, "content of no digest", 0o600);
    let (cache, _) = hf_cache(&world, "not there");
    let entry = cache.join("models--org--made/snapshots").join(COMMIT).join("f.bin");
    fs::remove_file(&entry).unwrap();
    symlink(&outside, &entry).unwrap();
    let ours = adopted_and_left_alone(&world, &cache, &outside, "outside the folder");
    assert_eq!(mode(&ours), 0o400);
    // A folder outside is none of the model's.
    fs::remove_file(&entry).unwrap();
    symlink(world.folder(), &entry).unwrap();
    let run = world.run(&["adopt", cache.to_str().unwrap()]).ends(4);
    assert!(run.err.contains("is not a file"), "{run:?}");
}

/// Puts a pipe beside the one file of a cache made by hand.
fn add_pipe(cache: &Path) {
    let pipe = cache.join("models--org--made/snapshots").join(COMMIT).join("pipe");
    assert!(Command::new("mkfifo").arg(pipe).status().unwrap().success());
}

#[test]
fn adopt_dry_run_tells_links_copies_and_refusals() {
    let world = World::new();
    let (cache, blob) = hf_cache(&world, "a file");
    write(&blob, "a file", 0o644);
    add_pipe(&cache);
    let snapshot = cache.join("models--org--made/snapshots").join(COMMIT);
    write(&world.folder().join("outside"), "outside", 0o644);
    symlink(world.folder().join("outside"), snapshot.join("g.bin")).unwrap();
    write(&snapshot.join("run.sh"), "exit", 0o755);
    let folder = cache.to_str().unwrap();
    let run = world.run(&["adopt", folder, "--dry-run", "--json"]).ends(4);
    let report = run.json();
    let files = report["models"][0]["files"].as_array().unwrap();
    let planned: Vec<_> =
        files.iter().map(|file| (&file["path"], &file["state"], &file["plan"], &file["apart"])).collect();
    let expected = serde_json::json!([
        ["f.bin", "planned", "link", null],
        ["g.bin", "planned", "copy", "outside the folder"],
        ["pipe", "refused", null, null],
        ["run.sh", "planned", "copy", "has execute bits"],
    ]);
    assert_eq!(serde_json::json!(planned), expected);
    let run = world.run(&["adopt", folder, "--dry-run"]).ends(4);
    assert_eq!(run.out.split_whitespace().take(4).collect::<Vec<_>>(), ["LINK", "COPY", "LOCAL", "REFUSED"]);
    assert!(run.err.contains("refused pipe") && run.err.contains("2 of them copied"), "{run:?}");
    assert_eq!(world.assert_blobs_intact(), 0);
}

#[test]
fn adopt_of_a_pipe_makes_it_no_member() {
    let world = World::new();
    let (cache, blob) = hf_cache(&world, "a file");
    write(&blob, "a file", 0o644);
    add_pipe(&cache);
    let run = world.run(&["adopt", cache.to_str().unwrap()]).ends(4);
    assert!(run.err.contains("refused pipe of org/made"), "{run:?}");
    let list = world.run(&["ls", "--json"]).ok().json();
    assert_eq!((&list["models"][0]["files"], &list["models"][0]["listed_files"]), (&1.into(), &1.into()), "{list}");
    let offline = world.run(&["get", "--offline", "org/made"]).ok();
    assert_eq!(tree(&offline.path()).len(), 1);
    assert!(offline.err.contains("only the adopted files"), "{offline:?}");
}

#[test]
fn adopt_of_a_setuid_file_leaves_its_bits() {
    for bits in [0o4755, 0o2711, 0o700] {
        let world = World::new();
        let (cache, blob) = hf_cache(&world, "a program");
        write(&blob, "a program", bits);
        let ours = adopted_and_left_alone(&world, &cache, &blob, "has execute bits");
        assert_eq!(mode(&ours), (bits & 0o444) | 0o400);
    }
}

#[test]
fn adopt_of_a_file_with_other_names_copies() {
    let world = World::new();
    let (cache, blob) = hf_cache(&world, "shared content");
    write(&blob, "shared content", 0o644);
    fs::hard_link(&blob, world.folder().join("another name")).unwrap();
    adopted_and_left_alone(&world, &cache, &blob, "has other names outside the folder");
}

#[test]
fn adopt_by_root_shares_no_inode_with_a_user() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root adopts another user's folder");
        return;
    }
    let world = World::new();
    let (cache, blob) = hf_cache(&world, "a user's file");
    write(&blob, "a user's file", 0o600);
    std::os::unix::fs::chown(&blob, Some(65534), Some(65534)).unwrap();
    let ours = adopted_and_left_alone(&world, &cache, &blob, "owned by another user");
    assert_eq!((mode(&ours), fs::metadata(&ours).unwrap().uid()), (0o400, 0));
    // The user goes on as before, and the store does not notice.
    fs::write(&blob, "a user's other").unwrap();
    world.run(&["verify"]).ok();
    assert_eq!(fs::read_to_string(&ours).unwrap(), "a user's file");
}

#[test]
fn adopt_of_a_private_file_keeps_it_private() {
    let world = World::new();
    let (cache, blob) = hf_cache(&world, "for my eyes");
    write(&blob, "for my eyes", 0o600);
    world.run(&["adopt", cache.to_str().unwrap()]).ok();
    assert_eq!(mode(&world.run(&["get", "--offline", "org/made/f.bin"]).ok().path()), 0o400);
}

#[test]
fn get_to_a_folder_follows_no_link_below_it() {
    let world = World::new();
    let (model, here, elsewhere) =
        (world.folder().join("model"), world.folder().join("here"), world.folder().join("elsewhere"));
    for folder in [&model.join("sub/deep"), &here, &elsewhere] {
        fs::create_dir_all(folder).unwrap();
    }
    fs::write(model.join("sub/deep/file"), "bytes").unwrap();
    symlink(&elsewhere, here.join("sub")).unwrap();
    let (model, to) = (model.to_str().unwrap(), here.to_str().unwrap());
    let run = world.run(&["get", model, "--to", to]).fails(2, "here/sub: is a link");
    assert!(run.err.contains("placing"), "{run:?}");
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0, "something was written outside");
    // A link at the end is replaced, and one that the user names is followed.
    fs::remove_file(here.join("sub")).unwrap();
    fs::create_dir_all(here.join("sub/deep")).unwrap();
    fs::write(elsewhere.join("mine"), "mine").unwrap();
    symlink(elsewhere.join("mine"), here.join("sub/deep/file")).unwrap();
    let link = world.folder().join("link");
    symlink(&here, &link).unwrap();
    world.run(&["get", model, "--to", link.to_str().unwrap()]).ok();
    assert_eq!(fs::read_to_string(elsewhere.join("mine")).unwrap(), "mine");
    assert_eq!(fs::read_to_string(here.join("sub/deep/file")).unwrap(), "bytes");
}

#[test]
fn placed_file_is_no_more_readable_than_its_blob() {
    let world = World::new();
    world.hub.add_user("hf_reader", "reader");
    world.hub.set_access(MODEL, Access::private(["reader"]));
    let to = world.folder().join("to");
    world.run_with(&[("HF_TOKEN", "hf_reader")], &["get", MODEL, "--to", to.to_str().unwrap()]).ok();
    for (path, _) in tree(&to) {
        assert_eq!(mode(&to.join(&path)) & 0o777, 0o600, "{path}");
    }
}

#[test]
fn what_is_read_whole_is_a_file_with_an_end() {
    let world = World::new();
    world.get();
    let at = |name: &str| world.folder().join(name).to_str().unwrap().to_owned();
    assert!(Command::new("mkfifo").arg(at("pipe")).status().unwrap().success());
    for (name, target) in [("endless", "/dev/zero"), ("waiting", "pipe")] {
        symlink(target, at(name)).unwrap();
        let file = at(name);
        for (arguments, code) in [
            (vec!["get", "--locked", &file], 2),
            (vec!["get", "--from", &file], 2),
            (vec!["sync", &file], 2),
            (vec!["registry", "import", &file], 2),
            (vec!["--config", &file, "ls"], 2),
            (vec!["import", &file], 2),
            (vec!["import", "--verify-key", &file, "no.tar"], 2),
            (vec!["export", MODEL, "--sign", &file, "-o", "-"], 2),
        ] {
            let run = world.run(&arguments);
            assert_eq!(run.code, code, "{arguments:?}: {run:?}");
            assert!(run.err.contains("error: ") && run.err.contains("hint: "), "{arguments:?}: {run:?}");
        }
        // A token file or a list of digests that is none is as good as none, or an error; but never waited for.
        for (variable, arguments) in [
            ("HF_TOKEN_PATH", ["get", MODEL, "--offline"]),
            ("AWS_CONFIG_FILE", ["get", "s3://bucket/prefix", "--offline"]),
            ("REQUESTS_CA_BUNDLE", ["get", MODEL, "--offline"]),
        ] {
            let run = world.run_with(&[(variable, &file)], &arguments);
            assert!((0..10).contains(&run.code), "{variable}: {run:?}");
        }
        let registry = world.store().join("registry.toml");
        symlink(&file, &registry).unwrap();
        let run = world.run(&["registry", "ls"]);
        assert_ne!(run.code, 0, "{run:?}");
        fs::remove_file(&registry).unwrap();
    }
}

#[test]
fn blob_of_a_private_model_is_its_owners() {
    let world = World::new();
    world.hub.add_user("hf_reader", "reader");
    let get =
        |settings: &[(&str, &str)]| world.run_with(settings, &["get", &format!("{MODEL}/config.json")]).ok().path();
    assert_eq!(mode(&get(&[])), 0o444);
    let public = world.folder().join("public");
    let settings = [("MODEL_CACHE_DIR", public.to_str().unwrap()), ("HF_TOKEN", "hf_reader")];
    assert_eq!(mode(&get(&settings)), 0o444, "a public model is public, token or not");
    for (store, store_mode, expected) in [("one", "umask", 0o400), ("two", "group", 0o440), ("three", "private", 0o400)]
    {
        world.hub.set_access(MODEL, Access::private(["reader"]));
        let store = world.folder().join(store);
        let settings =
            [("MODEL_CACHE_DIR", store.to_str().unwrap()), ("MODEL_CACHE_MODE", store_mode), ("HF_TOKEN", "hf_reader")];
        assert_eq!(mode(&get(&settings)), expected, "{store_mode}");
        let root = mode(&store);
        assert_eq!((store_mode == "private", store_mode == "group"), (root == 0o700, root == 0o2770), "{root:o}");
    }
}

/// A copy of the command, and a way to run programs as another user. Only root can.
fn as_nobody(world: &World) -> (PathBuf, impl Fn(&Path, &[&str]) -> Run) {
    set_mode(world.folder(), 0o755);
    let program = world.folder().join("model-cache");
    fs::copy(binary(), &program).unwrap();
    set_mode(&program, 0o755);
    let nobody = move |program: &Path, arguments: &[&str]| -> Run {
        let plain = world.command(&[]);
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups", "--"]).arg(program).args(arguments);
        command.env_clear().envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.stdin(std::process::Stdio::null());
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        finish(command.spawn().unwrap())
    };
    (program, nobody)
}

#[test]
fn verify_tells_every_file_that_cannot_be_read() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root becomes another user");
        return;
    }
    let world = World::new();
    let path = world.get();
    let hidden = ["config.json", "model.safetensors"];
    for file in hidden {
        set_mode(&path.join(file), 0o400);
    }
    let (program, nobody) = as_nobody(&world);
    for arguments in [&["verify"][..], &["verify", "--repair"], &["verify", MODEL]] {
        let run = nobody(&program, arguments).ends(1);
        let told = |file: &str| run.out.lines().any(|line| line.contains(file) && line.contains("unreadable"));
        assert!(hidden.iter().all(|file| told(file)), "{run:?}");
        assert!(run.out.contains("2 corrupted"), "{run:?}");
    }
    let report = nobody(&program, &["verify", "--json"]).ends(1).json();
    let bad = report["bad"].as_array().unwrap();
    assert!(bad.len() == 2 && bad.iter().all(|bad| bad["trouble"] == "unreadable"), "{report}");
    assert!(bad[0]["error"]["message"].as_str().unwrap().contains("ermission denied"), "{report}");
}

#[test]
fn another_user_is_told_whose_a_private_file_is() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root becomes another user");
        return;
    }
    let world = World::new();
    world.hub.add_user("hf_reader", "reader");
    world.hub.set_access(MODEL, Access::private(["reader"]));
    let arguments = ["get", MODEL, "--include", "*.json"];
    let path = world.run_with(&[("HF_TOKEN", "hf_reader")], &arguments).ok().path();
    let (program, nobody) = as_nobody(&world);
    assert_ne!(nobody(Path::new("cat"), &[path.join("config.json").to_str().unwrap()]).code, 0, "it can be read");
    let refused = nobody(&program, &["get", MODEL, "--include", "*.json", "--offline"]).ends(1);
    assert!(refused.err.contains("permission denied") && refused.err.contains("store.mode"), "{refused:?}");
}

#[test]
fn store_that_all_may_write_is_told() {
    let world = World::new();
    world.get();
    let doctor = world.run(&["doctor"]).ok();
    assert!(doctor.out.contains("only the owner can write the store"), "{doctor:?}");
    if std::os::unix::fs::chown(world.store(), None, Some(54_321)).is_ok() {
        set_mode(&world.store(), 0o2775);
        let doctor = world.run(&["doctor"]).ok();
        assert!(doctor.out.contains("warn  access    group 54321"), "{doctor:?}");
        assert!(!world.run(&["ls"]).ok().err.contains("warning"), "a shared store is no reason for a warning");
    }
    set_mode(&world.store().join("manifests"), 0o777);
    let run = world.run(&["get", MODEL, "--offline"]).ok();
    assert!(run.err.contains("warning: ") && run.err.contains("every user of this machine"), "{run:?}");
    let doctor = world.run(&["doctor"]).ends(1);
    assert!(doctor.out.contains("BAD   access") && doctor.out.contains("o-w"), "{doctor:?}");
    set_mode(&world.store(), 0o700);
    world.run(&["doctor"]).ok();
}

#[test]
fn bundle_of_a_folder_says_not_where_it_lay() {
    let world = World::new();
    let folder = world.folder().join("secret-project/weights");
    let other = world.folder().join("other/weights");
    for (folder, bytes) in [(&folder, "bytes"), (&other, "other bytes")] {
        fs::create_dir_all(folder).unwrap();
        fs::write(folder.join("f.bin"), bytes).unwrap();
        world.run(&["get", folder.to_str().unwrap()]).ok();
    }
    let bundle = world.folder().join("b.tar");
    let bundle = bundle.to_str().unwrap();
    world.run(&["export", folder.to_str().unwrap(), other.to_str().unwrap(), "-o", bundle]).ok();
    let text = String::from_utf8_lossy(&fs::read(bundle).unwrap()).into_owned();
    assert!(!text.contains("secret-project") && !text.contains(world.folder().to_str().unwrap()));
    assert!(text.contains("file:///bundle/weights\"") && text.contains("file:///bundle/weights-2"));
    let store = world.folder().join("elsewhere");
    let there = |arguments: &[&str]| world.run_with(&[("MODEL_CACHE_DIR", store.to_str().unwrap())], arguments);
    there(&["import", bundle]).ok();
    let listed = there(&["ls"]).ok();
    assert!(listed.out.contains("/bundle/weights") && !listed.out.contains("secret-project"), "{listed:?}");
    let bytes: Vec<_> = tree(&store.join("models")).into_iter().map(|(_, bytes)| bytes).collect();
    assert!(bytes.contains(&b"bytes".to_vec()) && bytes.contains(&b"other bytes".to_vec()), "{bytes:?}");
}

#[test]
fn lock_brings_no_other_model_under_a_name() {
    let world = World::new();
    world.hub.add_model("evil/model", [("f.bin", Content::bytes("evil"))]);
    let file = world.folder().join("models.lock").to_str().unwrap().to_owned();
    world.run(&["lock", &file, "evil/model"]).ok();
    let text = fs::read_to_string(&file).unwrap().replace("reference = \"evil/model\"", "reference = \"org/model\"");
    fs::write(&file, text).unwrap();
    for arguments in [vec!["get", "--locked", &file, MODEL], vec!["get", "--locked", &file]] {
        world.run(&arguments).fails(2, "another model");
    }
    assert_eq!(world.hub.total_bytes_sent(), 0);
}
