use proptest::prelude::*;

use super::*;

const MIB: u64 = 1 << 20;

fn plan(size: u64) -> Plan {
    Plan::new(Some(size), RangeSet::default())
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
    let mut plan = Plan::new(Some(50 * MIB), done);
    let piece = plan.take(8, Instant::now()).unwrap();
    assert_eq!(piece.range, ByteRange { start: 40 * MIB, end: 41 * MIB });
    assert_eq!(plan.take(8, Instant::now()), None);
}

#[test]
fn the_slowest_range_is_split_and_a_short_one_raced() {
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
fn what_waits_in_a_silent_connections_buffer_is_fetched_by_another() {
    let start = Instant::now();
    let mut plan = plan(MIB);
    let silent = plan.take_rest(start).unwrap();
    plan.received(silent.id, 200_000, start);
    plan.landed(ByteRange { start: 0, end: 131_072 }, 0);
    let soon = start + Duration::from_millis(500);
    let racer = plan.steal(None, soon).unwrap();
    assert_eq!(racer.range.start, 200_000, "it may still flow");
    plan.landed(racer.range, 0);
    plan.give_back(racer.id);
    assert_eq!(plan.steal(None, soon), None, "nothing is left but what will be written");
    let late = start + Duration::from_secs(3);
    let racer = plan.steal(None, late).unwrap();
    assert_eq!(racer.range, ByteRange { start: 131_072, end: MIB });
    assert_eq!(plan.steal(None, late), None);
    let later = late + Duration::from_secs(3);
    assert!(plan.steal(None, later).is_some(), "the racer has fallen silent too");
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
    let mut plan = Plan::new(None, RangeSet::default());
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
