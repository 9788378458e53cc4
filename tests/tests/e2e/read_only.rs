//! A store that belongs to another user still serves what it holds.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use crate::world::{MODEL, World, binary, finish, model, tree};

#[test]
fn another_user_reads_and_cannot_write() {
    if !rustix::process::geteuid().is_root() {
        // Only root can become another user; CI runs as root.
        return;
    }
    let world = World::new();
    let path = world.run(&["get", MODEL, "--include", "*.json"]).ok().path();
    fs_err::set_permissions(world.folder(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let program = world.folder().join("model-cache");
    fs_err::copy(binary(), &program).unwrap();
    fs_err::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let nobody = |arguments: &[&str]| {
        let plain = world.command(&[]);
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups", "--"]).arg(&program).args(arguments);
        command.env_clear().envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.stdin(std::process::Stdio::null());
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        finish(command.spawn().unwrap())
    };
    let before = tree(&world.store());
    let hit = nobody(&["get", MODEL, "--include", "*.json"]).ok();
    assert_eq!(hit.path(), path);
    assert!(tree(&hit.path()).iter().all(|file| model().contains(file)));
    assert_eq!(nobody(&["path", &format!("{MODEL}/config.json")]).ok().path(), path.join("config.json"));
    nobody(&["ls"]).ok();
    nobody(&["verify"]).ok();
    let doctor = nobody(&["doctor"]).ok();
    assert!(doctor.out.contains("read-only"), "{doctor:?}");
    let refused = nobody(&["get", MODEL]).fails(1, "read-only");
    assert!(refused.err.contains("MODEL_CACHE_DIR"), "{refused:?}");
    nobody(&["rm", MODEL]).ends(1);
    assert_eq!(tree(&world.store()), before, "something was written");
}
