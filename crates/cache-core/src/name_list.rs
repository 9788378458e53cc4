//! Lists of names in messages.

/// Most names that are listed.
const SHOWN: usize = 12;

/// The first names, separated by commas, and the number of the others.
#[must_use]
pub fn name_list(names: Vec<String>) -> String {
    let more = names.len().saturating_sub(SHOWN);
    let mut text = names.into_iter().take(SHOWN).collect::<Vec<_>>().join(", ");
    if more > 0 {
        text = format!("{text} and {more} more");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_list_is_cut() {
        let names = |count: usize| (0..count).map(|at| at.to_string()).collect();
        assert_eq!(name_list(names(2)), "0, 1");
        assert!(name_list(names(15)).ends_with("11 and 3 more"));
    }
}
