//! Several references at once, from the command line and from a file.

use cache_testkit::fixtures;

use crate::world::{MODEL, World, finish};

fn three() -> World {
    let world = World::new();
    world.hub.add_model("org/second", fixtures::model());
    world.hub.add_model("org/third", [("config.json", cache_testkit::Content::bytes("{\"third\": 3}"))]);
    world
}

#[test]
fn one_that_fails_stops_no_other_and_the_table_says_all() {
    let world = three();
    world.run(&["get", "org/third"]).ok();
    let run = world.run(&["get", MODEL, "org/nowhere", "org/third"]).ends(3);
    assert_eq!(run.out.lines().count(), 2, "{run:?}");
    let row = |state: &str, model: &str| run.err.lines().any(|line| line.starts_with(state) && line.contains(model));
    assert!(row("downloaded", MODEL) && row("local", "org/third"), "{run:?}");
    assert!(row("failed", "org/nowhere  not-found: "), "{run:?}");
    assert!(run.err.contains("error: org/nowhere") && run.err.contains("hint: "), "{run:?}");
    let quiet = world.run(&["get", MODEL, "org/third", "--quiet"]).ok();
    assert_eq!(quiet.err, "");
}

#[test]
fn a_list_from_a_file_and_from_stdin() {
    let world = three();
    let list = world.folder().join("list");
    let to = world.folder().join("copy");
    let text = format!(
        "# models\n\n{MODEL} include=config.json   # only this\norg/third to={} priority=5\norg/third to={0} priority=5\n",
        to.display()
    );
    fs_err::write(&list, &text).unwrap();
    let json = world.run(&["get", "--from", list.to_str().unwrap(), "--json"]).ok().json();
    let results = json["results"].as_array().unwrap();
    assert_eq!(results.len(), 3);
    assert_eq!(results[0]["files"].as_array().unwrap().len(), 1);
    assert_eq!(results[0]["state"], "fetched");
    assert_eq!(results[1], results[2], "given twice, fetched once");
    assert_eq!(fs_err::read(to.join("config.json")).unwrap(), b"{\"third\": 3}");
    let mut command = world.command(&["get", "--from", "-"]);
    let mut child = command.stdin(std::process::Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), text.as_bytes()).unwrap();
    assert_eq!(finish(child).ok().out.lines().count(), 3);
}

#[test]
fn all_mistakes_of_a_list_are_named_before_anything_is_fetched() {
    let world = three();
    let list = world.folder().join("list");
    let lines = [MODEL, "not/a/../name", "org/third colour=red sha256=abc", "org/third priority=high word"];
    fs_err::write(&list, lines.join("\n")).unwrap();
    let run = world.run(&["get", "--from", list.to_str().unwrap()]).fails(2, "list:2: ");
    for part in ["list:3: colour=red", "list:3: sha256=abc", "list:4: priority=high", "list:4: \"word\"", "hint: "] {
        assert!(run.err.contains(part), "{part}: {run:?}");
    }
    assert_eq!(world.requests(), 0);
    world.run(&["get", "--from", "/nowhere/list"]).fails(2, "/nowhere/list");
}

#[test]
fn the_higher_priority_begins_first() {
    let world = World::new();
    let mut list = String::new();
    for number in 0..30 {
        let content = cache_testkit::Content::bytes(format!("{number}"));
        world.hub.add_model(&format!("org/m{number}"), [("config.json", content)]);
        list += &format!("org/m{number} priority={number}\n");
    }
    let file = world.folder().join("list");
    fs_err::write(&file, list).unwrap();
    assert_eq!(world.run(&["get", "--from", file.to_str().unwrap()]).ok().out.lines().count(), 30);
    let asked: Vec<usize> = (0..30)
        .map(|number| {
            let name = format!("/org/m{number}/");
            world.hub.requests().iter().position(|seen| format!("{seen:?}").contains(&name)).unwrap()
        })
        .collect();
    // Eight are asked side by side, so only what is further apart is in order.
    assert!((0..20).all(|low| asked[low + 10] < asked[low]), "{asked:?}");
}
