//! [`Query`]: a query string or a form.

use url::form_urlencoded;

/// The decoded pairs of a query string or a form, in order. Names may repeat.
#[derive(Debug, Clone, Default)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn parse(text: &str) -> Self {
        Self(form_urlencoded::parse(text.as_bytes()).into_owned().collect())
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// All values of a name, also written `name[]`.
    pub(super) fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        let wanted = move |key: &str| key.strip_suffix("[]").unwrap_or(key) == name;
        self.0.iter().filter(move |(key, _)| wanted(key)).map(|(_, value)| value.as_str())
    }

    /// Whether a switch is on: `true`, `True` or `1`.
    pub(super) fn is_on(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value.eq_ignore_ascii_case("true") || value == "1")
    }

    /// The same query with one name set to one value.
    pub(super) fn with(&self, name: &str, value: &str) -> String {
        let kept = self.0.iter().filter(|(key, _)| key != name);
        form_urlencoded::Serializer::new(String::new()).extend_pairs(kept).append_pair(name, value).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_repeat_and_values_are_decoded() {
        let query = Query::parse("paths=a%2Fb&paths=c+d&expand[]=sha&recursive=True&cursor=1&limit=5");
        assert_eq!(query.all("paths").collect::<Vec<_>>(), ["a/b", "c d"]);
        assert_eq!(query.all("expand").collect::<Vec<_>>(), ["sha"]);
        assert!(query.is_on("recursive") && !query.is_on("limit") && !query.is_on("nothing"));
        let next = query.with("cursor", "2");
        assert_eq!(Query::parse(&next).get("cursor"), Some("2"));
        assert_eq!(Query::parse(&next).all("paths").collect::<Vec<_>>(), ["a/b", "c d"]);
    }
}
