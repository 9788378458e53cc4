//! [`Fuzz`]: changes kept inputs at random and hands each to what reads them.
//!
//! Without sanitizers and coverage, on the stable toolchain: what the target says of an input, in a word, stands for
//! the path it took, and an input that led to a new word is changed further.

use std::collections::HashSet;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// Inputs of a run that has no time of its own: enough to notice what any change breaks.
const CASES: u64 = 2_000;
/// Longest input, in bytes.
const MAX_INPUT: usize = 64 << 10;
/// Most inputs that are changed further.
const MAX_POOL: usize = 4096;
/// The variable with the seconds that each target is to run.
const SECONDS: &str = "FUZZ_SECONDS";
/// The variable with the seed of a run, to repeat it.
const SEED: &str = "FUZZ_SEED";

/// Numbers that parsers are often wrong about.
const NUMBERS: [&str; 12] = [
    "0",
    "-1",
    "1",
    "255",
    "256",
    "2147483648",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "1e999",
];

/// A target's inputs: the kept ones in a folder, and words that its readers know.
#[derive(Debug)]
#[must_use = "nothing is read until run()"]
pub struct Fuzz {
    corpus: PathBuf,
    words: &'static [&'static str],
    budget: Budget,
    seed: u64,
}

#[derive(Debug, Clone, Copy)]
enum Budget {
    Cases(u64),
    Time(Duration),
}

/// What a run did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fuzzed {
    /// Inputs that were read.
    pub cases: u64,
    /// Different words that the target said.
    pub outcomes: usize,
}

impl Fuzz {
    /// The inputs in a folder of `fuzz/corpus`. Runs for 2,000 inputs from a fixed seed, or for `FUZZ_SECONDS` from
    /// `FUZZ_SEED` or a random one.
    pub fn new(target: &str, words: &'static [&'static str]) -> Self {
        let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
        let time = number(SECONDS).map(Duration::from_secs);
        let random = || {
            SystemTime::UNIX_EPOCH.elapsed().map_or(1, |time| time.as_secs() ^ (u64::from(time.subsec_nanos()) << 32))
        };
        let seed = number(SEED).unwrap_or_else(|| if time.is_some() { random() } else { 1 });
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
        Self { corpus, words, budget: time.map_or(Budget::Cases(CASES), Budget::Time), seed }
    }

    /// Hands every kept input to `target`, and then changed ones. It says in a word what became of each.
    ///
    /// # Panics
    /// When the target does: the input is kept in the folder for temporary files, and its path is in the message.
    /// When there is no kept input.
    pub fn run(self, mut target: impl FnMut(&[u8]) -> String) -> Fuzzed {
        let kept = self.kept();
        assert!(!kept.is_empty(), "no inputs in {}", self.corpus.display());
        let mut random = Random(self.seed);
        let (mut pool, mut outcomes, mut cases) = (kept.clone(), HashSet::new(), 0);
        let began = Instant::now();
        loop {
            let spent = match self.budget {
                Budget::Cases(most) => cases >= most,
                Budget::Time(time) => began.elapsed() >= time,
            };
            let input = match kept.get(usize::try_from(cases).unwrap_or(usize::MAX)) {
                Some(input) => input.clone(),
                None if spent => return Fuzzed { cases, outcomes: outcomes.len() },
                None => self.changed(&pool, &mut random),
            };
            cases += 1;
            match panic::catch_unwind(AssertUnwindSafe(|| target(&input))) {
                Ok(word) => {
                    if outcomes.insert(word) && pool.len() < MAX_POOL {
                        pool.push(input);
                    }
                }
                Err(cause) => self.fail(&input, &*cause),
            }
        }
    }

    fn kept(&self) -> Vec<Vec<u8>> {
        let entries = fs_err::read_dir(&self.corpus).into_iter().flatten().flatten();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        paths.sort();
        paths.iter().filter_map(|path| fs_err::read(path).ok()).collect()
    }

    #[expect(clippy::panic, reason = "a test that fails")]
    fn fail(&self, input: &[u8], cause: &(dyn std::any::Any + Send)) -> ! {
        let text = cause.downcast_ref::<String>().map(String::as_str).or_else(|| cause.downcast_ref::<&str>().copied());
        let target = self.corpus.file_name().unwrap_or_default().to_string_lossy();
        let path = std::env::temp_dir().join(format!("fuzz-{target}-{}-{}", std::process::id(), self.seed));
        let kept = fs_err::write(&path, input);
        panic!(
            "{target}: {} (seed {}); the input is in {}{}: {}",
            text.unwrap_or("a panic"),
            self.seed,
            path.display(),
            if kept.is_ok() { "" } else { ", which could not be written" },
            input.get(..input.len().min(200)).unwrap_or_default().escape_ascii()
        );
    }

    /// One of the pool, changed up to eight times.
    fn changed(&self, pool: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
        let mut input = random.pick(pool).cloned().unwrap_or_default();
        for _ in 0..=random.below(8) {
            self.change(&mut input, pool, random);
            input.truncate(MAX_INPUT);
        }
        input
    }

    fn change(&self, input: &mut Vec<u8>, pool: &[Vec<u8>], random: &mut Random) {
        let at = random.below(input.len() + 1);
        let end = at + random.below((input.len() - at).min(64) + 1);
        match random.below(11) {
            0 => {
                if let Some(byte) = input.get_mut(at) {
                    *byte ^= 1 << random.below(8);
                }
            }
            1 => {
                if let Some(byte) = input.get_mut(at) {
                    *byte = random.byte();
                }
            }
            2 => input.insert(at, random.byte()),
            3 => drop(input.drain(at..end)),
            4 => {
                let piece = input[at..end].to_vec();
                let to = random.below(input.len() + 1);
                drop(input.splice(to..to, piece));
            }
            // Deep or long.
            5 => {
                let piece = input[at..end].repeat(1 + random.below(200));
                drop(input.splice(at..end, piece));
            }
            6 => {
                let word = random.pick(self.words).copied().unwrap_or_default();
                drop(input.splice(at..at, word.bytes()));
            }
            7 => {
                let word = random.pick(self.words).copied().unwrap_or_default();
                drop(input.splice(at..end, word.bytes()));
            }
            8 => {
                // A number for a number.
                let start = at + input[at..].iter().position(u8::is_ascii_digit).unwrap_or_default();
                let length = input[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
                let number = random.pick(&NUMBERS).copied().unwrap_or_default();
                drop(input.splice(start..start + length, number.bytes()));
            }
            9 => {
                let other = random.pick(pool).map_or(&[][..], Vec::as_slice);
                let from = random.below(other.len() + 1);
                let piece = other[from..].to_vec();
                input.truncate(at);
                input.extend(piece);
            }
            _ => input.truncate(at),
        }
    }
}

/// Splitmix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators").
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % (end.max(1) as u64)).unwrap_or_default()
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }

    fn pick<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        all.get(self.below(all.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fuzz(corpus: &Path, cases: u64) -> Fuzz {
        Fuzz { corpus: corpus.to_owned(), words: &["magic"], budget: Budget::Cases(cases), seed: 7 }
    }

    /// How many letters of `abcd` it begins with, and whether it has the word.
    fn maze(input: &[u8]) -> String {
        let steps = input.iter().zip(b"abcd").take_while(|(one, other)| one == other).count();
        format!("{steps}{}", if input.windows(5).any(|window| window == b"magic") { "m" } else { "" })
    }

    #[test]
    fn a_run_finds_outcomes_and_repeats_itself() {
        let folder = tempfile::tempdir().unwrap();
        fs_err::write(folder.path().join("one"), "a___________").unwrap();
        let seen = || {
            let mut seen = Vec::new();
            let fuzzed = fuzz(folder.path(), 5_000).run(|input| {
                seen.push(input.to_vec());
                maze(input)
            });
            (fuzzed, seen)
        };
        let (fuzzed, first) = seen();
        assert_eq!(fuzzed.cases, 5_000);
        assert!(fuzzed.outcomes >= 4, "{fuzzed:?}");
        assert_eq!(first[0], b"a___________");
        assert!(first.iter().collect::<HashSet<_>>().len() > 2_000);
        assert_eq!(first, seen().1);
    }

    #[test]
    fn an_input_that_panics_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        fs_err::write(folder.path().join("one"), "a___________").unwrap();
        let run = || {
            fuzz(folder.path(), 20_000).run(|input| {
                assert!(!maze(input).ends_with('m'), "found it");
                String::new()
            })
        };
        let cause = panic::catch_unwind(AssertUnwindSafe(run)).unwrap_err();
        let message = cause.downcast_ref::<String>().unwrap();
        assert!(message.contains("found it") && message.contains("seed 7"), "{message}");
        let path = message.split("is in ").nth(1).unwrap().split(": ").next().unwrap();
        assert!(fs_err::read(path).unwrap().windows(5).any(|window| window == b"magic"));
        fs_err::remove_file(path).unwrap();
    }
}
