//! The little that is read of the clouds' XML: the text of elements with known names.

/// The text of the first element of this name.
pub(crate) fn text(xml: &str, name: &str) -> Option<String> {
    elements(xml, name).next().map(unescaped)
}

/// Content of each element of this name, which must not nest.
pub(crate) fn elements<'a>(xml: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let mut rest = xml;
    std::iter::from_fn(move || {
        let start = rest.find(&open)? + open.len();
        let end = start + rest.get(start..)?.find(&close)?;
        let inside = rest.get(start..end)?;
        rest = rest.get(end + close.len()..)?;
        Some(inside)
    })
}

fn unescaped(text: &str) -> String {
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&apos;", "'");
    text.replace("&#34;", "\"").replace("&#39;", "'").replace("&amp;", "&")
}

/// A text as it stands in an element.
#[cfg(feature = "s3")]
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_found_in_order() {
        let xml = "<A><Part><ETag>&quot;1&quot;</ETag></Part><Part><ETag>b &amp;lt; c</ETag></Part></A>";
        let tags: Vec<_> = elements(xml, "Part").filter_map(|part| text(part, "ETag")).collect();
        assert_eq!(tags, ["\"1\"", "b &lt; c"]);
        assert_eq!(text(xml, "Code"), None);
        assert_eq!(text("<Code>broken", "Code"), None);
    }

    #[test]
    #[cfg(feature = "s3")]
    fn a_text_survives() {
        assert_eq!(unescaped(&escaped("\"a<&amp;>\"")), "\"a<&amp;>\"");
    }
}
