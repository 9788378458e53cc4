//! The web page, in a real browser against the real server. What the browser does is in `tests/browser/page.mjs`.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use cache_testkit::{Content, HubConfig, HubFault, Matches, Origin, fixtures};

use crate::servers::{skipped, target};
use crate::world::{MODEL, World};

/// A server that ends with the test.
struct Serving {
    child: Child,
    /// The page's address, with the admin token.
    address: String,
}

impl Serving {
    fn start(world: &World) -> Self {
        let mut child = world.command(&["serve", "--listen", "127.0.0.1:0"]).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
        let address = lines.find_map(|line| {
            let at = line.find("http://")?;
            line.contains("/#admin=").then(|| line[at..].trim().to_owned())
        });
        // Nobody reads what it says later; it must not wait for a reader.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address: address.unwrap() }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A browser, and the folder of what drives it.
fn browser() -> Option<(PathBuf, PathBuf)> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let program = |name: &str| std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file());
    if program("node").is_none() {
        skipped("node");
        return None;
    }
    let Some(chromium) = program("chromium") else {
        skipped("chromium");
        return None;
    };
    let modules = target().join("node");
    if !modules.join("node_modules/playwright-core/package.json").is_file() {
        skipped("playwright-core");
        return None;
    }
    Some((chromium, modules))
}

#[test]
fn a_person_uses_the_page() {
    let Some((chromium, modules)) = browser() else { return };
    let world = World::empty(HubConfig::default());
    world.hub.add_model(MODEL, fixtures::model());
    let gguf = |seed| Content::seeded(seed, 3_000_000);
    world.hub.add_model("lab/Small-GGUF", [("small-Q4_K_M.gguf", gguf(1)), ("small-Q8_0.gguf", gguf(2))]);
    world.hub.add_model("lab/large", [("model.bin", Content::seeded(3, 8_000_000)), ("config.json", "{}".into())]);
    for reference in [MODEL, "lab/Small-GGUF:Q4_K_M"] {
        world.run(&["get", reference]).ok();
    }
    let server = Serving::start(&world);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser/page.mjs");
    let mut node = Command::new("node")
        .arg(script)
        .args([&server.address.clone().into(), &chromium, &modules])
        .env("HOME", world.folder().join("home"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut answers = node.stdin.take().unwrap();
    let mut said = Vec::new();
    for line in BufReader::new(node.stdout.take().unwrap()).lines().map(Result::unwrap) {
        let Some(wanted) = line.strip_prefix("wants: ") else {
            said.push(line);
            continue;
        };
        match wanted {
            "stall" => world.hub.trouble(Matches::path("lab/large").at(Origin::Cdn), HubFault::Stall(4_000_000)),
            "release" => {
                world.hub.clear_trouble();
                world.hub.release();
            }
            other => panic!("the script wants {other}"),
        }
        answers.write_all(b"done\n").unwrap();
    }
    assert!(node.wait().unwrap().success() && said.iter().any(|line| line == "all is well"), "{said:?}");
}
