use super::*;
use crate::client::{self, Got, get};
use crate::fixtures;

const SIZE: usize = 100_000;

fn server(personality: Personality) -> (FaultServer, Vec<u8>) {
    let bytes = fixtures::bytes(1, SIZE);
    let server = FaultServer::spawn(bytes.clone()).unwrap();
    server.always(personality);
    (server, bytes)
}

fn part(server: &FaultServer) -> Got {
    get(&server.url(), &[("Range", "bytes=1000-1999")])
}

#[test]
fn a_good_server_is_good() {
    let (server, bytes) = server(Personality::Good);
    assert_eq!(get(&server.url(), &[]).body, bytes);
    let got = part(&server);
    assert_eq!((got.status, got.body), (206, bytes[1000..2000].to_vec()));
    let etag = server.etag();
    assert_eq!(get(&server.url(), &[("Range", "bytes=0-0"), ("If-Range", &etag)]).status, 206);
    assert_eq!(get(&server.url(), &[("Range", "bytes=0-0"), ("If-Range", "\"x\"")]).status, 200);
    assert_eq!(get(&server.url(), &[("If-None-Match", &etag)]).status, 304);
    let head = client::ask("HEAD", &server.url(), &[], "");
    assert_eq!((head.header("content-length"), head.body.len()), ("100000", 0));
    assert_eq!(server.requests()[1].header("range"), Some("bytes=1000-1999"));
}

#[test]
fn bodies_that_end_early() {
    let (server, bytes) = server(Personality::Truncate(500));
    let got = get(&server.url(), &[]);
    assert_eq!((got.header("content-length"), got.body.as_slice()), ("100000", &bytes[..500]));
    assert!(got.broken.is_none());
    server.always(Personality::Cut(500));
    let got = get(&server.url(), &[]);
    assert!(got.body.len() <= 500 && got.broken.is_some(), "{:?}", got.broken);
    server.always(Personality::Hangup);
    assert_eq!(get(&server.url(), &[]).status, 0);
    server.always(Personality::TooLong(10));
    let got = get(&server.url(), &[]);
    assert_eq!((got.header("content-length"), &got.body), ("100010", &bytes));
    server.always(Personality::TooShort(10));
    assert_eq!(get(&server.url(), &[]).header("content-length"), "99990");
}

#[test]
fn ranges_that_are_not_what_was_asked_for() {
    let (server, bytes) = server(Personality::ShiftRange(10));
    let got = part(&server);
    assert_eq!(got.header("content-range"), "bytes 1010-1999/100000");
    assert_eq!(got.body, bytes[1010..2000]);
    server.always(Personality::LieAboutRange(10));
    let got = part(&server);
    assert_eq!(got.header("content-range"), "bytes 1010-2009/100000");
    assert_eq!(got.body, bytes[1000..2000]);
    server.always(Personality::WrongSize(1));
    assert_eq!(part(&server).header("content-range"), "bytes 1000-1999/100001");
    for deaf in [Personality::IgnoreRange, Personality::NoRanges] {
        server.always(deaf);
        let got = part(&server);
        assert_eq!((got.status, got.body.len()), (200, SIZE));
    }
    server.always(Personality::Multipart);
    assert!(part(&server).header("content-type").starts_with("multipart/"));
    server.always(Personality::NotSatisfiable);
    assert_eq!(part(&server).status, 416);
}

#[test]
fn bodies_that_are_not_the_file() {
    let (server, bytes) = server(Personality::FlipBit(1500));
    let got = part(&server);
    assert_eq!(got.body[500], bytes[1500] ^ 1);
    server.always(Personality::Html);
    assert!(get(&server.url(), &[]).text().starts_with("<!DOCTYPE html>"));
    server.always(Personality::Gzip);
    let got = get(&server.url(), &[]);
    assert_eq!((got.header("content-encoding"), &got.body[..2]), ("gzip", &[0x1f, 0x8b][..]));
    server.always(Personality::NoLength);
    let got = get(&server.url(), &[]);
    assert_eq!((got.header("content-length"), got.header("transfer-encoding")), ("", "chunked"));
    server.always(Personality::SlowDrip(1_000_000));
    assert_eq!(part(&server).body, bytes[1000..2000]);
}

#[test]
fn a_script_is_followed_and_then_all_is_well() {
    let (server, bytes) = server(Personality::Good);
    server.first(2, Personality::TooManyRequests(Some(3)));
    server.script([Personality::Status(502), Personality::RateLimited(9), Personality::RedirectLoop]);
    let replies: Vec<_> = (0..6).map(|_| get(&server.url(), &[])).collect();
    assert_eq!(replies.iter().map(|got| got.status).collect::<Vec<_>>(), [429, 429, 502, 429, 302, 200]);
    assert_eq!(replies[0].header("retry-after"), "3");
    assert_eq!(replies[3].header("ratelimit"), "\"api\";r=0;t=9");
    assert_eq!(replies[5].body, bytes);
    assert_eq!(server.requests().len(), 6);
}

#[test]
fn a_changed_file_has_a_new_tag() {
    let (server, bytes) = server(Personality::Good);
    let before = part(&server).header("etag").to_owned();
    server.script([Personality::Change]);
    let changed = get(&server.url(), &[("Range", "bytes=0-9"), ("If-Range", &before)]);
    assert_eq!((changed.status, changed.body.len()), (200, SIZE));
    assert_ne!(changed.body, bytes);
    assert_eq!(part(&server).header("etag"), changed.header("etag"));
    assert_eq!(server.content().to_vec().unwrap(), changed.body);
}

#[test]
fn what_lies_beside_is_served_well() {
    let (server, _) = server(Personality::Hangup);
    server.beside("/file.bin.sha256", "abc");
    assert_eq!(get(&server.url_of("/file.bin.sha256"), &[]).text(), "abc");
}

#[tokio::test]
async fn stalls_end_when_the_test_or_the_client_says_so() {
    let (server, bytes) = server(Personality::Stall(5));
    let url = server.url();
    let reader = std::thread::spawn(move || get(&url, &[]));
    server.stalled(1).await;
    server.release();
    assert_eq!(reader.join().unwrap().body, bytes);
    server.always(Personality::StallHead);
    let left = client::send("GET", &server.url(), &[], "");
    server.stalled(2).await;
    drop(left);
    server.always(Personality::Good);
    assert_eq!(get(&server.url(), &[]).body, bytes);
}

#[test]
fn endless_things_end_with_the_client() {
    for personality in [Personality::Endless, Personality::EndlessHead] {
        let (server, _) = server(personality);
        let mut stream = client::send("GET", &server.url(), &[], "");
        let mut read = 0;
        let mut buffer = vec![0; 64 << 10];
        while read < 3 * SIZE {
            read += io::Read::read(&mut stream, &mut buffer).unwrap();
        }
    }
}

#[test]
fn every_kind_answers_or_stalls() {
    for personality in Personality::every(SIZE as u64) {
        let stalls = matches!(
            personality,
            Personality::Stall(_)
                | Personality::StallHead
                | Personality::Endless
                | Personality::EndlessHead
                | Personality::SlowDrip(_)
                | Personality::Garbage
        );
        let (server, _) = server(personality.clone());
        if !stalls {
            get(&server.url(), &[]);
            assert_eq!(server.requests()[0].personality, personality);
        }
    }
}
