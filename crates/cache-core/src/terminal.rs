//! Characters that change what a terminal shows, and texts without them.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Whether a character acts on a terminal or hides in a text: a name with one passes for another.
///
/// Unicode: categories Cc, Zl and Zp; the directional formatting characters of UAX #9; those that are not seen
/// (`Default_Ignorable_Code_Point` of UAX #44), but for variation selectors, which emoji have.
#[must_use]
pub fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

/// The text with deceptive characters written as `\u{202e}`. Ends of lines and tabs stay.
///
/// Escaping twice is the same as once.
#[must_use]
pub fn escape_text(text: &str) -> Cow<'_, str> {
    escape(
        text,
        |c| is_deceptive(c) && !matches!(c, '\n' | '\t'),
        |clean, c| {
            let _ = write!(clean, "{}", c.escape_default());
        },
    )
}

/// As [`escape_text`], and ends of lines are written as `\n`: for a value within a line.
#[must_use]
pub fn escape_line(text: &str) -> Cow<'_, str> {
    escape(text, is_deceptive, |clean, c| {
        let _ = write!(clean, "{}", c.escape_default());
    })
}

/// JSON with deceptive characters written as `\u202e`: the same value.
///
/// Only strings of JSON can hold such characters, but for its own ends of lines, which stay.
#[must_use]
pub fn escape_json(json: &str) -> Cow<'_, str> {
    escape(
        json,
        |c| is_deceptive(c) && !matches!(c, '\n' | '\r' | '\t'),
        |clean, c| {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(clean, "\\u{unit:04x}");
            }
        },
    )
}

fn escape(text: &str, is_escaped: impl Fn(char) -> bool, write: impl Fn(&mut String, char)) -> Cow<'_, str> {
    if !text.contains(&is_escaped) {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_escaped(c) {
            write(&mut clean, c);
        } else {
            clean.push(c);
        }
    }
    Cow::Owned(clean)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deceptive_characters_are_written_out() {
        assert_eq!(
            escape_text("a\x1b[31mb\u{202e}c\u{9b}\x7f\r\nd\t"),
            "a\\u{1b}[31mb\\u{202e}c\\u{9b}\\u{7f}\\r\nd\t"
        );
        assert_eq!(escape_line("a\nb"), "a\\nb");
        assert_eq!(escape_text("é 模 😀 a\\u{1b}"), "é 模 😀 a\\u{1b}");
    }

    #[test]
    fn unseen_characters_are_deceptive() {
        for c in "\u{ad}\u{34f}\u{115f}\u{1160}\u{17b4}\u{200b}\u{200c}\u{200d}\u{2060}\u{3164}\u{feff}\u{ffa0}".chars()
        {
            assert!(is_deceptive(c), "{}", c.escape_unicode());
        }
        assert_eq!(escape_line("a\u{ad}b\u{3164}"), "a\\u{ad}b\\u{3164}");
        assert!(!"❤\u{fe0f} 한글 ﾡ".contains(is_deceptive));
    }

    #[test]
    fn json_keeps_its_value() {
        let value = serde_json::json!({ "name": "a\u{202e}b\u{9b}\u{e0041}\x1b\n\u{2066}" });
        let text = serde_json::to_string_pretty(&value).unwrap();
        let escaped = escape_json(&text);
        assert!(!escaped.contains(|c: char| is_deceptive(c) && c != '\n'), "{escaped}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&escaped).unwrap(), value);
    }
}
