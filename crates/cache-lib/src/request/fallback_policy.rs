//! [`Fallback`]: the variants to use when the requested one is not available.

use std::fmt;
use std::str::FromStr;

use cache_formats::variants::{NamedBy, Variant};

use crate::units::{self, Size};
use crate::{Error, ErrorKind, Result, machine_memory};

/// A way to find the next variant.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FallbackPolicy {
    /// The variant with this name.
    Variant(String),
    /// The next smaller ones, one by one.
    Smaller,
    /// The largest that fits on the disk and in the quota, and is not larger than the requested one.
    FitsDisk,
    /// The largest that fits in this many bytes of memory, and is not larger than the requested one.
    ///
    /// `None` for the memory of this machine. Nothing larger is used, the requested variant included.
    FitsMemory(Option<u64>),
}

/// Variants to use in turn when the requested one is missing, fails, or does not fit.
///
/// Written as names and policies with commas between: `Q4_K_S,Q3_K_M`, `smaller`, `fits-disk`, `fits-memory:8GB`,
/// `Q4_K_S,smaller`. Without a requested variant a policy chooses among all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fallback(Vec<FallbackPolicy>);

impl Fallback {
    /// These, in turn.
    pub fn new(policies: impl IntoIterator<Item = FallbackPolicy>) -> Self {
        Self(policies.into_iter().collect())
    }

    /// The policies, in turn.
    #[must_use]
    pub fn policies(&self) -> &[FallbackPolicy] {
        &self.0
    }

    /// The memory that the variant must fit in, in bytes.
    fn memory(&self) -> Result<Option<u64>> {
        let mut least: Option<u64> = None;
        for policy in &self.0 {
            let FallbackPolicy::FitsMemory(given) = policy else { continue };
            let bytes = given.or_else(machine_memory).ok_or_else(|| {
                Error::new(ErrorKind::Usage, "the memory of this machine is unknown")
                    .with_hint("give the size: fits-memory:8GB")
            })?;
            least = Some(least.map_or(bytes, |least| least.min(bytes)));
        }
        Ok(least)
    }

    /// The variants to use, in order, each with the error that rules it out, if there is one.
    pub(crate) fn plan(&self, wanted: Option<&str>, variants: &[Variant]) -> Result<Vec<(String, Option<Error>)>> {
        let memory = self.memory()?;
        let mut names: Vec<String> = wanted.map(str::to_owned).into_iter().collect();
        for policy in &self.0 {
            match policy {
                FallbackPolicy::Variant(name) => names.push(name.clone()),
                FallbackPolicy::Smaller | FallbackPolicy::FitsDisk | FallbackPolicy::FitsMemory(_) => {
                    names.extend(below(wanted, variants).map(|variant| variant.name.clone()));
                }
            }
        }
        let mut plan: Vec<(String, Option<Error>)> = Vec::with_capacity(names.len());
        for name in names {
            if !plan.iter().any(|(before, _)| before.eq_ignore_ascii_case(&name)) {
                let variant = variants.iter().find(|variant| variant.is(&name));
                let refused = memory.zip(variant).and_then(|(memory, variant)| too_large(variant, memory));
                plan.push((name, refused));
            }
        }
        Ok(plan)
    }
}

/// The variants that are not larger than the requested one, the largest first.
fn below<'a>(wanted: Option<&'a str>, variants: &'a [Variant]) -> impl Iterator<Item = &'a Variant> {
    let size = wanted.and_then(|name| variants.iter().find(|variant| variant.is(name))).map(|variant| variant.size);
    let rank = wanted.and_then(rank);
    // What has no name beside variants that have one is something else: an importance matrix, a vocabulary.
    let named = variants.iter().any(|variant| variant.named_by != NamedBy::Nothing);
    let real = variants.iter().filter(move |variant| !named || variant.named_by != NamedBy::Nothing);
    real.filter(move |variant| match (size, rank, self::rank(&variant.name)) {
        (Some(size), _, _) => variant.size < size,
        // The wanted one is absent, and its size unknown: its name says how large it would be.
        (None, Some(most), Some(rank)) => rank < most,
        (None, Some(_), None) => false,
        (None, None, _) => true,
    })
}

/// How large a quantization is among others, by its name: bits of a weight, then the letter behind them.
fn rank(name: &str) -> Option<(u32, usize)> {
    const LETTERS: [&str; 7] = ["XXS", "XS", "S", "NL", "M", "L", "XL"];
    let name = name.to_ascii_uppercase();
    let name = name.strip_prefix("UD-").unwrap_or(&name);
    let digits = name.trim_start_matches(|c: char| c.is_ascii_alphabetic());
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    let bits = digits[..end].parse().ok()?;
    let letter = name.rsplit('_').next().and_then(|last| LETTERS.iter().position(|letter| *letter == last));
    Some((bits, letter.unwrap_or(3)))
}

fn too_large(variant: &Variant, memory: u64) -> Option<Error> {
    let Some(needed) = variant.memory() else {
        return Some(Error::new(ErrorKind::NoSpace, "the source gives no size"));
    };
    (needed > memory).then(|| {
        Error::new(
            ErrorKind::NoSpace,
            format!("it needs about {} of memory (an estimate), and {} are available", Size(needed), Size(memory)),
        )
        .with_hint("allow more memory, or choose a smaller model")
        .with_reason(crate::Reason::MemoryExceeded)
    })
}

impl FromStr for Fallback {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let nonsense = |word: &str| {
            Error::new(ErrorKind::Usage, format!("{word:?} is neither a variant nor a policy"))
                .with_hint("write Q4_K_S,Q3_K_M or smaller, fits-disk, fits-memory:8GB, or a URL")
        };
        let policy = |word: &str| match word {
            "smaller" => Ok(FallbackPolicy::Smaller),
            "fits-disk" => Ok(FallbackPolicy::FitsDisk),
            "fits-memory" => Ok(FallbackPolicy::FitsMemory(None)),
            _ => {
                if let Some(size) = word.strip_prefix("fits-memory:") {
                    return units::parse_size(size).map(|size| FallbackPolicy::FitsMemory(Some(size)));
                }
                let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
                if word.is_empty() || !word.chars().all(fine) {
                    return Err(nonsense(word));
                }
                Ok(FallbackPolicy::Variant(word.to_owned()))
            }
        };
        text.split(',').map(|word| policy(word.trim())).collect::<Result<_>>().map(Self)
    }
}

impl fmt::Display for Fallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, policy) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str(",")?;
            }
            match policy {
                FallbackPolicy::Variant(name) => f.write_str(name)?,
                FallbackPolicy::Smaller => f.write_str("smaller")?,
                FallbackPolicy::FitsDisk => f.write_str("fits-disk")?,
                FallbackPolicy::FitsMemory(None) => f.write_str("fits-memory")?,
                FallbackPolicy::FitsMemory(Some(bytes)) => write!(f, "fits-memory:{bytes}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variants() -> Vec<Variant> {
        [("F16", 160), ("Q8_0", 80), ("Q4_K_M", 50), ("Q4_K_S", 45), ("IQ4_XS", 40), ("Q2_K", 30), ("imatrix", 1)]
            .map(|(name, size)| Variant {
                name: name.to_owned(),
                files: Vec::new(),
                size: Some(size * 1_000_000_000),
                missing_parts: 0,
                named_by: if name == "imatrix" { NamedBy::Nothing } else { NamedBy::FileName },
            })
            .into()
    }

    fn plan(fallback: &str, wanted: Option<&str>) -> Vec<String> {
        let fallback: Fallback = fallback.parse().unwrap();
        let mark = |(name, refused): (String, Option<Error>)| match refused {
            None => name,
            Some(_) => format!("no {name}"),
        };
        fallback.plan(wanted, &variants()).unwrap().into_iter().map(mark).collect()
    }

    #[test]
    fn plan_starts_with_the_requested_variant() {
        assert_eq!(plan("Q4_K_S,q4_k_m,Q9_X", Some("Q4_K_M")), ["Q4_K_M", "Q4_K_S", "Q9_X"]);
        assert_eq!(plan("smaller", Some("Q4_K_M")), ["Q4_K_M", "Q4_K_S", "IQ4_XS", "Q2_K"]);
        assert_eq!(plan("Q2_K,fits-disk", Some("q4_k_m")), ["q4_k_m", "Q2_K", "Q4_K_S", "IQ4_XS"]);
        assert_eq!(plan("smaller", None).len(), 6);
    }

    #[test]
    fn missing_variant_is_ranked_by_its_name() {
        assert_eq!(plan("smaller", Some("Q5_K_M")), ["Q5_K_M", "Q4_K_M", "Q4_K_S", "IQ4_XS", "Q2_K"]);
        assert_eq!(plan("smaller", Some("UD-Q4_K_L")), ["UD-Q4_K_L", "Q4_K_M", "Q4_K_S", "IQ4_XS", "Q2_K"]);
        assert_eq!(plan("smaller", Some("Q3_K_S")), ["Q3_K_S", "Q2_K"]);
    }

    #[test]
    fn memory_limit_rules_out_larger_variants() {
        assert_eq!(
            plan("fits-memory:50GB", Some("Q4_K_M")),
            ["no Q4_K_M", "Q4_K_S", "IQ4_XS", "Q2_K"],
            "50 GB and a tenth are more than 50 GB"
        );
        assert_eq!(plan("Q8_0,fits-memory:60GB", Some("Q4_K_M"))[..2], ["Q4_K_M", "no Q8_0"]);
    }

    #[test]
    fn fallback_text_round_trips_or_is_refused() {
        for text in ["Q4_K_S,Q3_K_M", "smaller", "fits-disk", "fits-memory", "fits-memory:8000000000", "Q4_K_S,smaller"]
        {
            assert_eq!(text.parse::<Fallback>().unwrap().to_string(), text);
        }
        for text in ["", "a,,b", "fits-memory:lots", "Q4 K", "a/b"] {
            assert_eq!(text.parse::<Fallback>().unwrap_err().kind(), ErrorKind::Usage, "{text}");
        }
    }
}
