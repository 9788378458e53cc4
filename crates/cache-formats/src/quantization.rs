//! Names of quantizations, as llama.cpp spells them, in the names of files.

/// The quantization in a path, as llama.cpp spells them; `UD-` before it is Unsloth's own mixture.
#[must_use]
pub fn quantization(path: &str) -> Option<String> {
    let path = path.to_ascii_uppercase();
    let words: Vec<&str> = path.split(['-', '.', '/']).collect();
    words.iter().enumerate().rev().find_map(|(at, word)| {
        let name = word_quantization(word)?;
        let mixture = at > 0 && words[at - 1] == "UD" && name.len() == word.len();
        Some(if mixture { format!("UD-{name}") } else { name })
    })
}

/// A whole word, or what follows an underscore in it.
fn word_quantization(word: &str) -> Option<String> {
    let starts = std::iter::once(0).chain(word.match_indices('_').map(|(at, _)| at + 1));
    starts.map(|at| &word[at..]).find(|tail| is_quantization(tail)).map(canonical)
}

fn is_quantization(word: &str) -> bool {
    let digit = |rest: &str| rest.starts_with(|c: char| c.is_ascii_digit());
    ["Q", "IQ", "TQ", "MXFP", "NVFP"].iter().any(|start| word.strip_prefix(start).is_some_and(digit))
        || matches!(word, "F16" | "F32" | "BF16" | "FP16" | "FP32")
}

/// One spelling for what is spelled in two ways.
pub(crate) fn canonical(name: &str) -> String {
    let name = name.to_ascii_uppercase();
    match name.as_str() {
        "FP16" => "F16".to_owned(),
        "FP32" => "F32".to_owned(),
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_people_write_them() {
        for (path, name) in [
            ("m-Q4_K_M.gguf", "Q4_K_M"),
            ("m.q8_0", "Q8_0"),
            ("llama_3_q5_1", "Q5_1"),
            ("Qwen3-8B-UD-Q4_K_XL", "UD-Q4_K_XL"),
            ("UD-IQ2_M/x", "UD-IQ2_M"),
            ("qwen2-0_5b-instruct-fp16", "F16"),
            ("gpt-oss-20b-mxfp4", "MXFP4"),
            ("m.i1-IQ3_XXS", "IQ3_XXS"),
            ("model-bf16", "BF16"),
        ] {
            assert_eq!(quantization(path).as_deref(), Some(name), "{path}");
        }
        for path in ["model", "Qwen3-8B", "llama-7b-instruct", "", "quantum"] {
            assert_eq!(quantization(path), None, "{path}");
        }
    }
}
