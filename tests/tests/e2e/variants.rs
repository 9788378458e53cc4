//! Variants: picked by name and by header, with their companions, and what is taken instead.

use cache_testkit::{Content, HubConfig, HubFault, Matches, Origin};

use crate::world::World;

const QUANTS: &str = "org/quants";

/// The numbers of llama.cpp's `llama_ftype`.
const Q8_0: u32 = 7;
const Q4_K_M: u32 = 15;

/// A GGUF file that says its file type after so many tokens, with noise behind the header.
fn gguf(file_type: u32, tokens: u64, size: u64) -> Content {
    fn text(bytes: &mut Vec<u8>, text: &str) {
        bytes.extend((text.len() as u64).to_le_bytes());
        bytes.extend(text.as_bytes());
    }
    let mut bytes = b"GGUF".to_vec();
    bytes.extend(3_u32.to_le_bytes());
    bytes.extend(0_u64.to_le_bytes());
    bytes.extend(3_u64.to_le_bytes());
    text(&mut bytes, "general.architecture");
    bytes.extend(8_u32.to_le_bytes());
    text(&mut bytes, "llama");
    text(&mut bytes, "tokenizer.ggml.tokens");
    bytes.extend(9_u32.to_le_bytes());
    bytes.extend(8_u32.to_le_bytes());
    bytes.extend(tokens.to_le_bytes());
    (0..tokens).for_each(|token| text(&mut bytes, &format!("token{token:06}")));
    text(&mut bytes, "general.file_type");
    bytes.extend(4_u32.to_le_bytes());
    bytes.extend(file_type.to_le_bytes());
    bytes.extend(Content::seeded(file_type.into(), size).to_vec().unwrap());
    Content::bytes(bytes)
}

/// A hub with three quantisations of one model, a split set and one that is not whole.
fn quants() -> World {
    let world = World::empty(HubConfig::default());
    world.hub.add_model(
        QUANTS,
        [
            ("m-Q8_0.gguf", Content::seeded(8, 800_000)),
            ("m-Q4_K_M.gguf", Content::seeded(4, 400_000)),
            ("m-Q2_K.gguf", Content::seeded(2, 200_000)),
            ("F16/m-F16-00001-of-00002.gguf", Content::seeded(16, 800_000)),
            ("F16/m-F16-00002-of-00002.gguf", Content::seeded(17, 700_000)),
            ("m-Q6_K-00001-of-00003.gguf", Content::seeded(6, 1000)),
            ("mmproj-m-F16.gguf", Content::seeded(20, 3000)),
            ("mmproj-m-Q8_0.gguf", Content::seeded(21, 2000)),
            ("config.json", Content::bytes("{}")),
        ],
    );
    world
}

#[test]
fn a_header_tells_what_the_name_does_not() {
    let world = World::empty(HubConfig::default());
    let files = [("a.gguf", gguf(Q8_0, 10, 3_000_000)), ("b.gguf", gguf(Q4_K_M, 20_000, 3_000_000))];
    let commit = world.hub.add_model("org/bare", files).to_string();
    let run = world.run(&["get", "org/bare:q4_k_m"]).ok();
    assert!(run.path().ends_with("b.gguf"), "{run:?}");
    let sent = world.hub.bytes_sent("org/bare", "a.gguf");
    assert!(sent > 0 && sent < 1_000_000, "{sent} bytes to read a header");
    // What is here tells by itself.
    let before = world.requests();
    assert_eq!(world.run(&["get", &format!("org/bare:Q4_K_M@{commit}")]).ok().path(), run.path());
    assert_eq!(world.run(&["path", "org/bare:Q4_K_M"]).ok().path(), run.path());
    assert_eq!(world.run(&["get", "org/bare:Q4_K_M", "--offline"]).ok().path(), run.path());
    assert_eq!(world.requests(), before);
    // A commit that is known, and a file of it that is not here.
    let other = world.run(&["get", &format!("org/bare:Q8_0@{commit}")]).ok();
    assert!(other.path().ends_with("a.gguf"), "{other:?}");
    let none = world.run(&["get", "org/bare:Q5_K_M"]).fails(3, "Q5_K_M");
    assert!(none.err.contains("there are"), "{none:?}");
    let info = world.run(&["info", "org/bare", "--json"]).ok().json();
    let names: Vec<&str> = info["variants"].as_array().unwrap().iter().map(|v| v["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["Q4_K_M", "Q8_0"], "{info}");
    assert_eq!(info["variants"][0]["named_by"], "header");
}

#[test]
fn split_files_come_together_or_not_at_all() {
    let world = quants();
    let json = world.run(&["get", "org/quants:F16", "--json"]).ok().json();
    assert_eq!(json["results"][0]["files"].as_array().unwrap().len(), 2, "{json}");
    world.run(&["get", "org/quants:Q6_K"]).fails(3, "2 of 3 parts are missing");
}

#[test]
fn a_projector_comes_with_it() {
    let world = quants();
    let names = |run: &crate::world::Run| {
        let json = run.json();
        let files = json["results"][0]["files"].as_array().unwrap();
        files.iter().map(|file| file["path"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let run = world.run(&["get", "org/quants:Q8_0", "--with", "mmproj", "--json"]).ok();
    assert_eq!(names(&run), ["m-Q8_0.gguf", "mmproj-m-F16.gguf"]);
    let run = world.run(&["get", "org/quants:Q8_0", "--with", "*.json", "--json"]).ok();
    assert_eq!(names(&run), ["config.json", "m-Q8_0.gguf"]);
    let run = world.run(&["get", "org/quants:Q8_0", "--json"]).ok();
    assert_eq!(names(&run), ["m-Q8_0.gguf"], "a projector is no variant");
    world.hub.add_model("org/blind", [("m-Q8_0.gguf", Content::seeded(1, 10))]);
    world.run(&["get", "org/blind:Q8_0", "--with", "mmproj"]).fails(3, "no mmproj");
}

#[test]
fn what_is_absent_has_a_fallback_that_is_named() {
    let world = quants();
    let run = world.run(&["get", "org/quants:Q4_K_S", "--fallback", "Q3_K_M,Q4_K_M"]).ok();
    assert!(run.path().ends_with("m-Q4_K_M.gguf"), "{run:?}");
    assert!(run.err.contains("using Q4_K_M; skipped Q4_K_S: ") && run.err.contains("; skipped Q3_K_M: "), "{run:?}");
    let json = world.run(&["get", "org/quants:Q5_K_M", "--fallback", "smaller", "--json"]).ok().json();
    let choice = &json["results"][0]["variant"];
    assert_eq!((&choice["wanted"], &choice["taken"]), (&"Q5_K_M".into(), &"Q4_K_M".into()), "{json}");
    assert_eq!(choice["passed"][0]["name"], "Q5_K_M");
    assert_eq!(choice["passed"][0]["kind"], "not-found");
    let run = world.run(&["get", "org/quants:Q9_X", "--fallback", "Q9_Y"]).fails(3, "Q9_X");
    assert!(run.err.contains("Q9_Y: ") && run.err.contains("hint: there are "), "{run:?}");
    world.run(&["get", "org/nowhere:Q8_0", "--fallback", "smaller"]).ends(3);
}

#[test]
fn what_comes_damaged_has_a_fallback() {
    let world = quants();
    world.hub.trouble(Matches::path("m-Q8_0.gguf").at(Origin::Cdn), HubFault::Flip(100));
    let run = world.run(&["get", "org/quants:Q8_0", "--fallback", "smaller", "--json"]).ok();
    let result = &run.json()["results"][0];
    assert_eq!(result["variant"]["taken"], "Q4_K_M", "{run:?}");
    assert_eq!(result["variant"]["passed"][0]["kind"], "integrity");
    assert_eq!(result["files"][0]["sha256"], Content::seeded(4, 400_000).sha256().to_string());
    world.assert_blobs_intact();
    world.run(&["get", "org/quants:Q8_0", "--fallback", "Q9_X"]).fails(4, "Q9_X");
}

#[test]
fn what_does_not_fit_has_a_fallback() {
    let world = quants();
    let small = [("MODEL_CACHE_QUOTA", "500kB")];
    let run = world.run_with(&small, &["get", "org/quants:F16", "--fallback", "fits-disk", "--json"]).ok();
    let choice = &run.json()["results"][0]["variant"];
    assert_eq!(choice["taken"], "Q4_K_M", "{run:?}");
    let kinds: Vec<_> = choice["passed"].as_array().unwrap().iter().map(|passed| passed["kind"].clone()).collect();
    assert_eq!(kinds, ["no-space", "no-space"], "{run:?}");
    assert_eq!(world.hub.bytes_sent(QUANTS, "m-Q8_0.gguf"), 0, "fetched although it cannot fit");
    world.run_with(&[("MODEL_CACHE_QUOTA", "1kB")], &["get", "org/quants:Q8_0", "--fallback", "F16"]).fails(7, "F16");

    let memory = |size: &str| {
        let policy = format!("fits-memory:{size}");
        let run = world.run(&["get", QUANTS, "--fallback", &policy, "--json"]);
        (run.code, run.out)
    };
    // A tenth is added: 400 kB take 440.
    assert!(memory("430kB").1.contains("m-Q2_K.gguf"));
    assert!(memory("450kB").1.contains("m-Q4_K_M.gguf"));
    let wanted = world.run(&["get", "org/quants:Q8_0", "--fallback", "fits-memory:450kB"]).ok();
    assert!(wanted.err.contains("an estimate") && wanted.path().ends_with("m-Q4_K_M.gguf"), "{wanted:?}");
}

#[test]
fn offline_a_fallback_counts_only_if_the_wanted_one_is_not_here() {
    let world = quants();
    world.run(&["get", "org/quants:Q2_K"]).ok();
    let wish = ["get", "org/quants:Q4_K_M", "--fallback", "smaller", "--offline"];
    assert!(world.run(&wish).ok().path().ends_with("m-Q2_K.gguf"));
    world.run(&["get", "org/quants:Q4_K_M"]).ok();
    let run = world.run(&wish).ok();
    assert!(run.path().ends_with("m-Q4_K_M.gguf") && !run.err.contains("using "), "{run:?}");
    world.run(&["get", "org/quants:Q8_0", "--fallback", "F16", "--offline"]).fails(3, "F16");
}

#[test]
fn another_place_of_the_file_is_tried_with_its_own_digest() {
    let world = quants();
    let content = Content::seeded(9, 50_000);
    let commit = world.hub.add_model("org/else", [("x.bin", content.clone()), ("y.bin", Content::seeded(10, 10))]);
    let url = |name: &str| format!("{}/org/else/resolve/{commit}/{name}", world.hub.url());
    let gone = url("gone.bin");
    let sized = format!("{}#size=11", url("y.bin"));
    let right = format!("{}#sha256={}&size=50000", url("x.bin"), content.sha256());
    let run = world.run(&["get", &gone, "--fallback", &sized, "--fallback", &right, "--json"]).ok();
    let result = &run.json()["results"][0];
    assert_eq!(result["source"]["taken"], url("x.bin"), "{run:?}");
    assert_eq!(result["source"]["passed"][0]["kind"], "not-found");
    assert_eq!(result["source"]["passed"][1]["kind"], "integrity");
    assert_eq!(result["files"][0]["verified"], true);
    // A place without a digest is held to the one of the file.
    let digest = Content::seeded(11, 5).sha256().to_string();
    let run = world.run(&["get", &gone, "--sha256", &digest, "--fallback", &url("y.bin")]).fails(4, "y.bin");
    assert!(run.err.contains("gone.bin: "), "{run:?}");
    world.run(&["get", &gone, &gone, "--fallback", &right]).fails(2, "several");
}

#[test]
fn info_lists_the_variants() {
    let world = quants();
    world.run(&["get", "org/quants:Q4_K_M"]).ok();
    let info = world.run(&["info", QUANTS]).ok();
    let line = |name: &str| info.out.lines().find(|line| line.contains(&format!("  {name}  "))).unwrap_or_default();
    assert!(line("Q4_K_M").starts_with("local"), "{info:?}");
    assert!(line("Q8_0").starts_with("remote") && line("Q8_0").contains("800 kB"), "{info:?}");
    assert!(line("F16").contains("1.5 MB") && line("F16").contains("2 files"), "{info:?}");
    assert!(line("Q6_K").contains("1 of 3 parts"), "{info:?}");
    let json = world.run(&["info", QUANTS, "--json"]).ok().json();
    assert_eq!(json["variants"][0]["name"], "F16", "{json}");
    assert_eq!(json["variants"].as_array().unwrap().len(), 5);
    let one = world.run(&["info", "org/quants:Q4_K_M", "--json"]).ok().json();
    assert_eq!(one["variants"][0]["cached"], true, "{one}");
    assert_eq!(one["variants"].as_array().unwrap().len(), 1, "{one}");
}
