use proptest::prelude::*;

use super::*;

/// Names that must be refused, made from a few patterns so that each rule meets each position in a path.
fn hostile_names() -> Vec<String> {
    let mut bad_segments: Vec<String> =
        ["", ".", "..", "a\\b", "..\\x", "C:", "c:x", "a:b", "x.", "x ", "...", " ", "x. "].map(String::from).to_vec();
    for device in ["CON", "con", "Prn", "AUX", "nul", "NUL.txt", "con.tar.gz", "CONIN$", "CONOUT$", "clock$", "aux .h"]
    {
        bad_segments.push(device.into());
    }
    for digit in (0..=9).map(|d| d.to_string()).chain(["¹", "²", "³"].map(String::from)) {
        bad_segments.push(format!("COM{digit}"));
        bad_segments.push(format!("lpt{digit}.log"));
    }
    bad_segments.extend((0..32_u8).chain([127]).map(|c| format!("a{}b", char::from(c))));
    bad_segments.extend(["\u{80}", "\u{9f}", "\u{2028}", "\u{2029}"].map(|c| format!("x{c}y")));
    let deceptive = ('\u{200b}'..='\u{200f}').chain('\u{202a}'..='\u{202e}').chain('\u{2060}'..='\u{2069}');
    bad_segments.extend(deceptive.chain(['\u{feff}', '\u{61c}', '\u{e0041}']).map(|c| format!("x{c}y")));
    bad_segments.push("a".repeat(241));
    bad_segments.push("é".repeat(121));
    let mut names = Vec::new();
    for bad in &bad_segments {
        names.extend([bad.clone(), format!("{bad}/ok"), format!("ok/{bad}"), format!("ok/{bad}/ok.bin")]);
    }
    names.extend(
        ["/etc/passwd", "//server/share", "a//b", "a/", "/", "../../../root/.ssh/id_rsa", "a/../../b"]
            .map(String::from),
    );
    names.push(format!("{}f", "d/".repeat(64)));
    names.push("d/".repeat(1200));
    names
}

#[test]
fn every_hostile_name_is_refused() {
    let names = hostile_names();
    assert!(names.len() >= 300, "the corpus has {} names", names.len());
    for name in names {
        assert!(RepoPath::parse(&name).is_err(), "{name:?} was let through");
    }
}

#[test]
fn refused_character_is_named_by_its_code_point() {
    for (name, message) in [
        ("a\u{200c}b/x", r#""a\u{200c}b/x" contains U+200C"#),
        ("x/a\u{200d}b", r#""x/a\u{200d}b" contains U+200D"#),
        ("a\nb", r#""a\nb" contains U+000A"#),
        ("c:x", r#""c:x" contains ':'"#),
    ] {
        assert_eq!(RepoPath::parse(name).unwrap_err().to_string(), message);
    }
}

#[test]
fn ordinary_names_pass_unchanged() {
    for name in [
        "config.json",
        "1_Pooling/config.json",
        ".gitattributes",
        "a b/c.txt",
        "モデル.bin",
        "model-00001-of-00003.safetensors",
        "..a",
        "a..b",
        "console.log",
        "com10",
        "nulls.txt",
        "x%2Fy",
        "dir/.hidden",
        "~user",
        "a+b=c&d",
        "$HOME",
        "-rf",
        "*?",
    ] {
        assert_eq!(RepoPath::parse(name).unwrap().as_str(), name);
    }
}

#[test]
fn a_path_has_at_most_64_segments_and_1024_bytes() {
    let deep = |segments: usize| RepoPath::parse(&vec!["d"; segments].join("/"));
    assert!(deep(64).is_ok());
    assert_eq!(deep(65), Err(PathError::Depth(65)));
    let long =
        |bytes: usize| RepoPath::parse(&format!("{}/{}", vec!["d".repeat(199); 5].join("/"), "f".repeat(bytes - 1000)));
    assert!(long(1024).is_ok());
    assert_eq!(long(1025), Err(PathError::Length(1025)));
}

proptest! {
    #[test]
    fn what_passes_stays_below_its_folder(name in "\\PC{0,40}|([a.]{0,3}/){0,4}[a.\\\\]{0,3}") {
        if let Ok(path) = RepoPath::parse(&name) {
            let below = path.below(Path::new("/store"));
            prop_assert!(below.starts_with("/store"));
            prop_assert!(below.components().all(|c| !matches!(c, std::path::Component::ParentDir)));
            prop_assert_eq!(below.components().count(), 2 + name.split('/').count());
        }
    }
}
