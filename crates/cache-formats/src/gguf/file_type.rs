//! How a GGUF file is quantised.

use std::fmt;

/// Numbers and names as in llama.cpp's `enum llama_ftype` (`include/llama.h`) and in `LlamaFileType` of the Python
/// package gguf 0.19. The gaps are types that were removed.
const NAMES: &[(u32, &str)] = &[
    (0, "F32"),
    (1, "F16"),
    (2, "Q4_0"),
    (3, "Q4_1"),
    (7, "Q8_0"),
    (8, "Q5_0"),
    (9, "Q5_1"),
    (10, "Q2_K"),
    (11, "Q3_K_S"),
    (12, "Q3_K_M"),
    (13, "Q3_K_L"),
    (14, "Q4_K_S"),
    (15, "Q4_K_M"),
    (16, "Q5_K_S"),
    (17, "Q5_K_M"),
    (18, "Q6_K"),
    (19, "IQ2_XXS"),
    (20, "IQ2_XS"),
    (21, "Q2_K_S"),
    (22, "IQ3_XS"),
    (23, "IQ3_XXS"),
    (24, "IQ1_S"),
    (25, "IQ4_NL"),
    (26, "IQ3_S"),
    (27, "IQ3_M"),
    (28, "IQ2_S"),
    (29, "IQ2_M"),
    (30, "IQ4_XS"),
    (31, "IQ1_M"),
    (32, "BF16"),
    (36, "TQ1_0"),
    (37, "TQ2_0"),
    (38, "MXFP4_MOE"),
    (39, "NVFP4"),
    (40, "Q1_0"),
];

/// Set where the writer guessed the type from the tensors.
const GUESSED: u32 = 1024;

/// The quantisation of most tensors of a file; the K types mix several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileType(u32);

impl FileType {
    /// The type with this number in `general.file_type`.
    #[must_use]
    pub const fn from_number(number: u32) -> Self {
        Self(number & !GUESSED)
    }

    /// The number in `general.file_type`.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }

    /// The name people write after the colon: `Q4_K_M`. `None` for a number that is not known.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        NAMES.iter().find(|(number, _)| *number == self.0).map(|(_, name)| *name)
    }
}

impl fmt::Display for FileType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => write!(f, "file type {}", self.0),
        }
    }
}
