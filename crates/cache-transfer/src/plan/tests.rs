use proptest::prelude::*;

use super::*;

const MIB: u64 = 1 << 20;

fn plan(size: u64) -> RangePlan {
    RangePlan::new(Some(size), RangeSet::default())
}

#[test]
fn work_is_handed_out_from_the_front_and_once() {
    let now = Instant::now();
    let mut plan = plan(100 * MIB);
    let mut next = 0;
    while let Some(piece) = plan.take(4, now) {
        assert_eq!(piece.range.start, next);
        next = piece.range.end;
    }
    assert_eq!(next, 100 * MIB);
}

#[test]
fn only_what_is_missing_is_asked_for() {
    let done = RangeSet::from_untrusted(
        &[ByteRange { start: 0, end: 40 * MIB }, ByteRange { start: 41 * MIB, end: 500 * MIB }],
        Some(50 * MIB),
    );
    let mut plan = RangePlan::new(Some(50 * MIB), done);
    let piece = plan.take(8, Instant::now()).unwrap();
    assert_eq!(piece.range, ByteRange { start: 40 * MIB, end: 41 * MIB });
    assert_eq!(plan.take(8, Instant::now()), None);
}

#[test]
fn slow_range_is_split_and_short_one_raced() {
    let start = Instant::now();
    let mut plan = plan(8 * MIB);
    let slow = plan.take_rest(start).unwrap();
    assert_eq!(slow.range.len(), 8 * MIB);
    plan.received(slow.id, MIB, start + Duration::from_secs(1));
    let now = start + Duration::from_secs(1);
    let tail = plan.steal(None, now).unwrap();
    assert_eq!(plan.limit(slow.id), Some(tail.range.start));
    assert_eq!(tail.range.end, 8 * MIB);
    plan.landed(tail.range, 0);
    plan.give_back(tail.id);
    let near_end = tail.range.start - MIB / 2;
    plan.received(slow.id, near_end, now);
    plan.landed(ByteRange { start: 0, end: near_end }, 0);
    let racer = plan.steal(None, now + Duration::from_secs(10)).unwrap();
    assert_eq!(racer.range, ByteRange { start: near_end, end: tail.range.start });
    assert_eq!(plan.steal(None, now + Duration::from_secs(11)), None, "a race has two runners");
    plan.landed(racer.range, 0);
    assert_eq!(plan.limit(slow.id), None, "the loser is told");
}

#[test]
fn a_steady_connection_is_not_raced() {
    let start = Instant::now();
    let at = |tenths| start + Duration::from_millis(100 * tenths);
    let mut plan = plan(300_000);
    let steady = plan.take_rest(start).unwrap();
    for tenths in 1..30 {
        plan.received(steady.id, tenths * 10_000, at(tenths));
        assert_eq!(plan.steal(None, at(tenths)), None, "no other connection is known to be faster");
        assert_eq!(plan.steal(Some(100_000.0), at(tenths)), None, "others are as slow");
        assert_eq!(plan.steal(Some(1e9), at(tenths)), None, "of a small file even a race that is won costs too much");
    }
}

#[test]
fn a_slow_end_of_a_large_file_is_raced() {
    let start = Instant::now();
    let mut plan = plan(64 * MIB);
    let slow = plan.take_rest(start).unwrap();
    plan.received(slow.id, 63 * MIB + MIB / 2, start + Duration::from_secs(640));
    let now = start + Duration::from_secs(641);
    assert_eq!(plan.steal(None, now), None, "no other connection is known to be faster");
    assert_eq!(plan.steal(Some(2e5), now), None, "hardly faster");
    let racer = plan.steal(Some(1e9), now).unwrap();
    assert_eq!(racer.range, ByteRange { start: 63 * MIB + MIB / 2, end: 64 * MIB });
    assert_eq!(plan.limit(slow.id), Some(64 * MIB), "both run");
}

#[test]
fn races_for_slowness_are_a_small_part() {
    let start = Instant::now();
    let mut plan = plan(64 * MIB);
    let mut slow = Vec::new();
    while let Some(piece) = plan.take(64, start) {
        plan.received(piece.id, piece.range.end - MIB * 3 / 4, start + Duration::from_secs(60));
        slow.push(piece.id);
    }
    let now = start + Duration::from_secs(61);
    let raced: u64 = std::iter::from_fn(|| plan.steal(Some(1e9), now)).map(|racer| racer.range.len()).sum();
    assert!(slow.len() > 8 && raced > 0 && raced <= 2 * MIB, "{raced} of {} pieces", slow.len());
}

#[test]
fn a_connection_in_bursts_is_not_silent() {
    let start = Instant::now();
    let second = |n| start + Duration::from_secs(n);
    let mut plan = plan(MIB);
    let burst = plan.take_rest(start).unwrap();
    plan.received(burst.id, 200_000, second(1));
    plan.received(burst.id, 400_000, second(3));
    assert_eq!(plan.steal(None, second(8)), None, "its pauses take two seconds");
    assert!(plan.steal(None, second(10)).is_some());
}

#[test]
fn silent_connection_buffer_is_fetched_again() {
    let start = Instant::now();
    let mut plan = plan(MIB);
    let silent = plan.take_rest(start).unwrap();
    plan.received(silent.id, 200_000, start);
    plan.landed(ByteRange { start: 0, end: 131_072 }, 0);
    let late = start + Duration::from_secs(3);
    let racer = plan.steal(None, late).unwrap();
    assert_eq!(racer.range, ByteRange { start: 131_072, end: MIB });
    assert_eq!(plan.steal(None, late), None);
    let later = late + Duration::from_secs(3);
    assert!(plan.steal(None, later).is_some(), "the racer has fallen silent too");
}

#[test]
fn throttled_connection_is_not_slow() {
    let start = Instant::now();
    let minute = start + Duration::from_secs(60);
    let received = |limit| {
        let mut plan = plan(8 * MIB);
        let piece = plan.take_rest(start).unwrap();
        plan.received(piece.id, MIB, start + Duration::from_millis(10));
        plan.pause(piece.id, limit, start + Duration::from_millis(10));
        (plan, piece.id)
    };
    let (mut all, id) = received(Limit::All);
    assert_eq!(all.steal(None, minute), None);
    all.resume(id, minute);
    assert_eq!(all.steal(None, minute), None, "at its own speed it ends soon");
    assert!(all.steal(None, minute + Duration::from_secs(3)).is_some(), "now it is silent");
    // Another host may help, by bytes that nobody else fetches.
    let (mut one, id) = received(Limit::Host);
    let tail = one.steal(None, minute).unwrap();
    assert_eq!(one.limit(id), Some(tail.range.start));
    while let Some(tail) = one.steal(Some(1e9), minute) {
        one.landed(tail.range, 0);
        one.give_back(tail.id);
        assert_eq!(one.limit(id), Some(tail.range.start), "never raced");
    }
}

#[test]
fn who_would_be_slower_yet_takes_nothing() {
    let start = Instant::now();
    let mut plan = plan(8 * MIB);
    let piece = plan.take_rest(start).unwrap();
    plan.received(piece.id, 4 * MIB, start + Duration::from_secs(1));
    let now = start + Duration::from_secs(1);
    assert_eq!(plan.steal(Some(1000.0), now), None);
    assert!(plan.steal(Some(1e9), now).is_some());
}

#[test]
fn a_file_of_unknown_size_is_one_piece() {
    let mut plan = RangePlan::new(None, RangeSet::default());
    let piece = plan.take(16, Instant::now()).unwrap();
    assert_eq!(plan.take(16, Instant::now()), None);
    plan.landed(ByteRange { start: 0, end: 77 }, 0);
    plan.set_size(77);
    plan.give_back(piece.id);
    assert!(plan.is_complete());
}

#[test]
fn an_empty_file_is_complete_at_once() {
    let mut plan = plan(0);
    assert!(plan.is_complete());
    assert_eq!(plan.take(4, Instant::now()), None);
}

/// What a random crowd of connections does to the plan.
#[derive(Debug, Clone)]
enum Step {
    Take(usize),
    Steal,
    Receive(usize, u64),
    Land(usize),
    Fail(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (1_usize..32).prop_map(Step::Take),
        Just(Step::Steal),
        (any::<usize>(), 1_u64..8 * MIB).prop_map(|(who, n)| Step::Receive(who, n)),
        any::<usize>().prop_map(Step::Land),
        any::<usize>().prop_map(Step::Fail),
    ];
    prop::collection::vec(step, 0..200)
}

proptest! {
    /// Whatever connections do, every byte is fetched, nothing outside the file is, and the plan ends.
    #[test]
    fn every_byte_arrives(size in 0_u64..200 * MIB, steps in steps()) {
        let mut now = Instant::now();
        let mut plan = plan(size);
        let mut live: Vec<(Piece, u64)> = Vec::new();
        for step in steps {
            now += Duration::from_millis(700);
            match step {
                Step::Take(connections) => live.extend(plan.take(connections, now).map(|piece| (piece, piece.range.start))),
                Step::Steal => live.extend(plan.steal(None, now).map(|piece| (piece, piece.range.start))),
                Step::Receive(who, n) if !live.is_empty() => {
                    let at = who % live.len();
                    let (piece, pos) = &mut live[at];
                    if let Some(limit) = plan.limit(piece.id) {
                        *pos = (*pos + n).min(limit.max(*pos));
                        plan.received(piece.id, *pos, now);
                    }
                }
                Step::Land(who) if !live.is_empty() => {
                    let (piece, pos) = live.swap_remove(who % live.len());
                    plan.landed(ByteRange { start: piece.range.start, end: pos }, 0);
                    plan.give_back(piece.id);
                }
                Step::Fail(who) if !live.is_empty() => {
                    let (piece, _) = live.swap_remove(who % live.len());
                    plan.give_back(piece.id);
                }
                _ => {}
            }
            prop_assert!(live.iter().all(|(piece, _)| piece.range.end <= size && !piece.range.is_empty()));
        }
        for (piece, _) in live.drain(..) {
            plan.give_back(piece.id);
        }
        let mut rounds = 0;
        while let Some(piece) = plan.take(8, now) {
            prop_assert!(!plan.done().contains(piece.range), "nothing is fetched twice without need");
            plan.landed(piece.range, 0);
            plan.give_back(piece.id);
            rounds += 1;
            prop_assert!(rounds < 1000);
        }
        prop_assert!(plan.is_complete());
        prop_assert_eq!(plan.done().prefix(), size);
    }
}
