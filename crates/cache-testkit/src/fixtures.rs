//! Bytes and folders to test with: seeded, so that every run sees the same.

use std::io;
use std::path::Path;

use crate::Content;
pub use crate::seeded::Seeded;
use crate::seeded::split_mix;

/// `size` bytes from a seed: the same for the same seed and size, and incompressible for small sizes.
#[must_use]
pub fn bytes(seed: u64, size: usize) -> Vec<u8> {
    let mut bytes = vec![0; size];
    Seeded::new(seed, size as u64).fill(0, &mut bytes);
    bytes
}

/// A valid safetensors file of F32 tensors: names and shapes, the values from a seed, all finite.
#[must_use]
pub fn safetensors(seed: u64, tensors: &[(&str, &[usize])]) -> Vec<u8> {
    let mut header = serde_json::Map::new();
    header.insert("__metadata__".to_owned(), serde_json::json!({"format": "pt"}));
    let mut data = Vec::new();
    let mut state = seed;
    for (name, shape) in tensors {
        let start = data.len();
        for _ in 0..shape.iter().product::<usize>() {
            // The top 23 bits as a mantissa with exponent 0 give a number in 1..2.
            let bits = u32::try_from(split_mix(&mut state) >> 41).unwrap_or_default() | 0x3f80_0000;
            data.extend_from_slice(&(f32::from_bits(bits) - 1.5).to_le_bytes());
        }
        let entry = serde_json::json!({"dtype": "F32", "shape": shape, "data_offsets": [start, data.len()]});
        header.insert((*name).to_owned(), entry);
    }
    let mut header = serde_json::Value::Object(header).to_string().into_bytes();
    header.resize(header.len().next_multiple_of(8), b' ');
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.append(&mut header);
    file.append(&mut data);
    file
}

/// The files of a small BERT that transformers, tokenizers and safetensors read: about 100 kB, with a nested folder,
/// an empty file and a large-file (LFS) one.
#[must_use]
pub fn model() -> Vec<(&'static str, Content)> {
    let words = vocabulary();
    vec![
        (".gitattributes", "*.safetensors filter=lfs diff=lfs merge=lfs -text\n".into()),
        ("1_Pooling/config.json", pretty(&pooling()).into()),
        ("README.md", README.into()),
        ("config.json", pretty(&config()).into()),
        ("empty.txt", "".into()),
        ("model.safetensors", safetensors(1, &tensors()).into()),
        ("special_tokens_map.json", pretty(&special_tokens()).into()),
        ("tokenizer.json", pretty(&tokenizer(&words)).into()),
        ("tokenizer_config.json", pretty(&tokenizer_config()).into()),
        ("vocab.txt", (words.join("\n") + "\n").into()),
    ]
}

/// Writes [`model`] into a folder, which is made if it is not there.
///
/// # Errors
/// When a file cannot be written.
pub fn write_model(folder: &Path) -> io::Result<()> {
    write_files(folder, model())
}

/// Writes files into a folder, with the folders that their paths ask for.
///
/// # Errors
/// When a file cannot be written.
pub fn write_files<P: AsRef<str>>(folder: &Path, files: impl IntoIterator<Item = (P, Content)>) -> io::Result<()> {
    for (path, content) in files {
        let path = folder.join(path.as_ref());
        if let Some(parent) = path.parent() {
            fs_err::create_dir_all(parent)?;
        }
        let mut file = fs_err::File::create(path)?;
        let mut at = 0;
        while at < content.size() {
            let bytes = content.read(at, u64::MAX)?;
            io::Write::write_all(&mut file, &bytes)?;
            at += bytes.len() as u64;
        }
    }
    Ok(())
}

const README: &str = "---\nlicense: mit\nlibrary_name: transformers\npipeline_tag: feature-extraction\n---\n\n# A very small \
                      model\n\nRandom weights; for tests.\n";

const WORDS: usize = 64;
const HIDDEN: usize = 16;
const INNER: usize = 32;
const POSITIONS: usize = 64;

fn vocabulary() -> Vec<String> {
    let mut words: Vec<String> = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].map(String::from).into();
    words.extend(('a'..='z').map(String::from));
    words.extend(('a'..='z').map(|c| format!("##{c}")));
    words.extend(["the", "model", "cache", "verified", "bytes", "hello", "world"].map(String::from));
    words
}

fn tensors() -> Vec<(&'static str, &'static [usize])> {
    vec![
        ("embeddings.LayerNorm.bias", &[HIDDEN]),
        ("embeddings.LayerNorm.weight", &[HIDDEN]),
        ("embeddings.position_embeddings.weight", &[POSITIONS, HIDDEN]),
        ("embeddings.token_type_embeddings.weight", &[2, HIDDEN]),
        ("embeddings.word_embeddings.weight", &[WORDS, HIDDEN]),
        ("encoder.layer.0.attention.output.LayerNorm.bias", &[HIDDEN]),
        ("encoder.layer.0.attention.output.LayerNorm.weight", &[HIDDEN]),
        ("encoder.layer.0.attention.output.dense.bias", &[HIDDEN]),
        ("encoder.layer.0.attention.output.dense.weight", &[HIDDEN, HIDDEN]),
        ("encoder.layer.0.attention.self.key.bias", &[HIDDEN]),
        ("encoder.layer.0.attention.self.key.weight", &[HIDDEN, HIDDEN]),
        ("encoder.layer.0.attention.self.query.bias", &[HIDDEN]),
        ("encoder.layer.0.attention.self.query.weight", &[HIDDEN, HIDDEN]),
        ("encoder.layer.0.attention.self.value.bias", &[HIDDEN]),
        ("encoder.layer.0.attention.self.value.weight", &[HIDDEN, HIDDEN]),
        ("encoder.layer.0.intermediate.dense.bias", &[INNER]),
        ("encoder.layer.0.intermediate.dense.weight", &[INNER, HIDDEN]),
        ("encoder.layer.0.output.LayerNorm.bias", &[HIDDEN]),
        ("encoder.layer.0.output.LayerNorm.weight", &[HIDDEN]),
        ("encoder.layer.0.output.dense.bias", &[HIDDEN]),
        ("encoder.layer.0.output.dense.weight", &[HIDDEN, INNER]),
        ("pooler.dense.bias", &[HIDDEN]),
        ("pooler.dense.weight", &[HIDDEN, HIDDEN]),
    ]
}

fn config() -> serde_json::Value {
    serde_json::json!({
        "architectures": ["BertModel"], "model_type": "bert", "hidden_act": "gelu", "hidden_size": HIDDEN,
        "intermediate_size": INNER, "num_attention_heads": 2, "num_hidden_layers": 1,
        "max_position_embeddings": POSITIONS, "type_vocab_size": 2, "vocab_size": WORDS, "pad_token_id": 0,
        "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1, "initializer_range": 0.02,
        "layer_norm_eps": 1e-12,
    })
}

fn pooling() -> serde_json::Value {
    serde_json::json!({"word_embedding_dimension": HIDDEN, "pooling_mode_cls_token": false,
        "pooling_mode_mean_tokens": true})
}

fn special_tokens() -> serde_json::Value {
    serde_json::json!({"cls_token": "[CLS]", "mask_token": "[MASK]", "pad_token": "[PAD]", "sep_token": "[SEP]",
        "unk_token": "[UNK]"})
}

fn tokenizer_config() -> serde_json::Value {
    serde_json::json!({"tokenizer_class": "BertTokenizer", "do_lower_case": true, "model_max_length": POSITIONS,
        "cls_token": "[CLS]", "mask_token": "[MASK]", "pad_token": "[PAD]", "sep_token": "[SEP]", "unk_token": "[UNK]"})
}

fn tokenizer(words: &[String]) -> serde_json::Value {
    let vocabulary: serde_json::Map<_, _> = words.iter().enumerate().map(|(i, w)| (w.clone(), i.into())).collect();
    let added: Vec<_> = (0..5)
        .map(|id: usize| {
            serde_json::json!({"id": id, "content": words[id], "single_word": false, "lstrip": false, "rstrip": false,
                "normalized": false, "special": true})
        })
        .collect();
    serde_json::json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": added,
        "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
            "strip_accents": null, "lowercase": true},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]},
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100, "vocab": vocabulary},
    })
}

fn pretty(value: &serde_json::Value) -> String {
    format!("{value:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeded_bytes_are_the_same_wherever_reading_starts() {
        let all = bytes(3, 3_000_000);
        let seeded = Seeded::new(3, 3_000_000);
        for start in [0, 1, 7, 8, 4090, 4096, 1_048_570, 2_999_990] {
            let mut part = vec![0; 10];
            seeded.fill(start as u64, &mut part);
            assert_eq!(part, all[start..start + 10], "{start}");
        }
        assert_ne!(all[..4096], all[1 << 20..(1 << 20) + 4096], "the pattern shows through");
        assert_ne!(bytes(3, 64), bytes(4, 64));
    }

    #[test]
    fn the_safetensors_header_covers_the_data() {
        let file = safetensors(1, &[("a", &[2, 3]), ("b", &[5])]);
        let length = crate::seeded::to_usize(u64::from_le_bytes(file[..8].try_into().unwrap()));
        let header: serde_json::Value = serde_json::from_slice(&file[8..8 + length]).unwrap();
        assert_eq!(header["b"]["data_offsets"], serde_json::json!([24, 44]));
        assert_eq!(file.len(), 8 + length + 44);
        assert_eq!(model().len(), 10);
        assert_eq!(vocabulary().len(), WORDS);
    }
}
