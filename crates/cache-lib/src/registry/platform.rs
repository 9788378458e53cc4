//! Which machines an entry is for: words that can be checked here.

use crate::{Error, ErrorKind, Result};

const SYSTEMS: [&str; 4] = ["linux", "macos", "windows", "freebsd"];
const PROCESSORS: [&str; 5] = ["x86_64", "aarch64", "riscv64", "powerpc64", "s390x"];
const FEATURES: [&str; 10] =
    ["sse4.2", "avx", "avx2", "fma", "f16c", "avx512f", "avx512vnni", "neon", "dotprod", "cuda"];

/// What this machine is and has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Machine {
    system: String,
    processor: String,
    features: Vec<&'static str>,
}

impl Machine {
    /// The one this process runs on.
    pub(crate) fn this() -> Self {
        let mut features = processor_features();
        features.extend(has_cuda().then_some("cuda"));
        Self { system: std::env::consts::OS.to_owned(), processor: std::env::consts::ARCH.to_owned(), features }
    }

    /// Whether an entry with these words is for this machine. Of the places one has to fit, if any is named; of the
    /// features all have to be there.
    pub(crate) fn fits(&self, words: &[String]) -> bool {
        let mut places = words.iter().filter(|word| !is_feature(word)).peekable();
        let placed = places.peek().is_none() || places.any(|word| self.is_at(word));
        placed && words.iter().filter(|word| is_feature(word)).all(|word| self.features.contains(&word.as_str()))
    }

    fn is_at(&self, word: &str) -> bool {
        match word.split_once('-') {
            Some((system, processor)) => system == self.system && processor == self.processor,
            None => word == "any" || word == self.system || word == self.processor,
        }
    }
}

impl std::fmt::Display for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.system, self.processor)?;
        if !self.features.is_empty() {
            write!(f, " with {}", self.features.join(", "))?;
        }
        Ok(())
    }
}

fn is_feature(word: &str) -> bool {
    FEATURES.contains(&word)
}

/// Refuses words that could not be checked.
///
/// # Errors
/// [`ErrorKind::Usage`], with the words there are.
pub(crate) fn check(word: &str) -> Result<()> {
    let known = match word.split_once('-') {
        Some((system, processor)) => SYSTEMS.contains(&system) && PROCESSORS.contains(&processor),
        None => word == "any" || is_feature(word) || SYSTEMS.contains(&word) || PROCESSORS.contains(&word),
    };
    if known {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Usage, format!("{word:?} is not a known platform")).with_hint(format!(
        "write any, a system ({}), a processor ({}), both as linux-x86_64, or a feature ({})",
        SYSTEMS.join(", "),
        PROCESSORS.join(", "),
        FEATURES.join(", ")
    )))
}

#[cfg(target_arch = "x86_64")]
fn processor_features() -> Vec<&'static str> {
    let found = [
        ("sse4.2", std::arch::is_x86_feature_detected!("sse4.2")),
        ("avx", std::arch::is_x86_feature_detected!("avx")),
        ("avx2", std::arch::is_x86_feature_detected!("avx2")),
        ("fma", std::arch::is_x86_feature_detected!("fma")),
        ("f16c", std::arch::is_x86_feature_detected!("f16c")),
        ("avx512f", std::arch::is_x86_feature_detected!("avx512f")),
        ("avx512vnni", std::arch::is_x86_feature_detected!("avx512vnni")),
    ];
    found.into_iter().filter_map(|(name, there)| there.then_some(name)).collect()
}

#[cfg(target_arch = "aarch64")]
fn processor_features() -> Vec<&'static str> {
    let found = [
        ("neon", std::arch::is_aarch64_feature_detected!("neon")),
        ("dotprod", std::arch::is_aarch64_feature_detected!("dotprod")),
    ];
    found.into_iter().filter_map(|(name, there)| there.then_some(name)).collect()
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn processor_features() -> Vec<&'static str> {
    Vec::new()
}

/// Whether NVIDIA's driver is there: its first device, or the library that every CUDA program loads.
fn has_cuda() -> bool {
    const SIGNS: [&str; 5] = [
        "/dev/nvidia0",
        "/usr/lib/x86_64-linux-gnu/libcuda.so.1",
        "/usr/lib/aarch64-linux-gnu/libcuda.so.1",
        "/usr/lib64/libcuda.so.1",
        "/usr/lib/wsl/lib/libcuda.so.1",
    ];
    SIGNS.iter().any(|path| fs_err::metadata(path).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn one_place_and_all_features_have_to_fit() {
        let machine =
            Machine { system: "linux".to_owned(), processor: "x86_64".to_owned(), features: vec!["avx", "avx2"] };
        for (text, fits) in [
            ("", true),
            ("any", true),
            ("linux", true),
            ("x86_64", true),
            ("macos-aarch64 linux-x86_64", true),
            ("macos", false),
            ("linux-aarch64", false),
            ("avx2", true),
            ("linux avx avx2", true),
            ("linux avx512f", false),
            ("macos avx2", false),
        ] {
            assert_eq!(machine.fits(&words(text)), fits, "{text}");
        }
        assert_eq!(machine.to_string(), "linux-x86_64 with avx, avx2");
        assert!(Machine::this().fits(&words(std::env::consts::OS)));
    }

    #[test]
    fn what_cannot_be_checked_is_refused() {
        for word in ["any", "linux", "macos-aarch64", "avx2", "cuda", "aarch64"] {
            check(word).unwrap();
        }
        for word in ["", "plan9", "linux-", "linux-avx2", "rtx4090", "Linux"] {
            assert_eq!(check(word).unwrap_err().kind(), ErrorKind::Usage, "{word}");
        }
    }
}
