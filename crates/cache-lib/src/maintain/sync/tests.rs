use super::*;

#[test]
fn a_list_is_read_and_all_mistakes_are_named() {
    let text = "# ours\norg/a\n\n  org/b revision=v1 include=*.json include=*.txt exclude=x/ # why\ns3://bucket/c\n";
    let list = SyncList::parse("l", text).unwrap();
    let [a, b, c] = list.entries() else { panic!("{list:?}") };
    assert_eq!((a.reference.expose(), c.reference.expose()), ("org/a", "s3://bucket/c"));
    assert_eq!(b.revision.as_ref().unwrap().as_str(), "v1");
    assert_eq!((b.include.len(), b.exclude.len()), (2, 1));
    let error = SyncList::parse("l", "org/a\norg/a\norg/b priority=1\norg/c include=\n").unwrap_err();
    for line in ["l:2:", "l:3:", "l:4:"] {
        assert!(error.message().contains(line), "{error}");
    }
}

#[test]
fn a_list_is_known_by_its_name_alone() {
    let key = |name: &str, text: &str| SyncList::parse(name, text).unwrap().key();
    assert_eq!(key("a", "org/a"), key("a", "org/b"));
    assert_ne!(key("a", "org/a"), key("b", "org/a"));
    assert_eq!(SyncList::of(["org/a"]).key(), None);
}
