//! Which hosts a rule is for.

use url::Host;

use super::HeaderRuleFault;

/// One host, or all below a name. Compared without regard to case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum HostPattern {
    /// This one.
    Exactly(String),
    /// This one, and all whose names end in a dot and this.
    Within(String),
}

impl HostPattern {
    pub(super) fn parse(text: &str) -> Result<Self, HeaderRuleFault> {
        let fault = || HeaderRuleFault::Host(text.to_owned());
        match text.trim().strip_prefix("*.") {
            None => Host::parse(text.trim()).map(|host| Self::Exactly(host.to_string())).map_err(|_| fault()),
            Some(suffix) => match Host::parse(suffix) {
                Ok(Host::Domain(name)) if !name.starts_with('.') => Ok(Self::Within(name)),
                Ok(_) | Err(_) => Err(fault()),
            },
        }
        .and_then(|pattern| if pattern.name().contains('*') { Err(fault()) } else { Ok(pattern) })
    }

    /// Compares with a host as a normalised URL has it.
    pub(super) fn matches(&self, host: &str) -> bool {
        match self {
            Self::Exactly(name) => host.eq_ignore_ascii_case(name),
            Self::Within(name) => {
                let Some(start) = host.len().checked_sub(name.len()) else { return false };
                let (front, end) = (host.as_bytes().get(..start), host.as_bytes().get(start..));
                end.is_some_and(|end| end.eq_ignore_ascii_case(name.as_bytes()))
                    && front.is_some_and(|front| front.is_empty() || front.ends_with(b"."))
            }
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::Exactly(name) | Self::Within(name) => name,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(pattern: &str, host: &str, expect: bool) {
        let parsed = HostPattern::parse(pattern).expect("a pattern");
        assert_eq!(parsed.matches(host), expect, "{pattern} and {host}");
    }

    #[test]
    fn matching() {
        check("api.github.com", "api.github.com", true);
        check("API.GitHub.com", "api.github.COM", true);
        check("api.github.com", "github.com", false);
        check("api.github.com", "x.api.github.com", false);
        check("api.github.com", "api.github.com.", false);
        check("*.github.com", "github.com", true);
        check("*.GitHub.com", "api.github.com", true);
        check("*.github.com", "sub.api.github.com", true);
        check("*.github.com", "evilgithub.com", false);
        check("*.github.com", "github.com.evil.example", false);
        check("*.github.com", "com", false);
        check("localhost", "localhost", true);
        check("127.0.0.1", "127.0.0.1", true);
        check("[::1]", "[::1]", true);
        check("bücher.example", "xn--bcher-kva.example", true);
        check("*.bücher.example", "www.xn--bcher-kva.example", true);
    }

    #[test]
    fn what_is_no_pattern() {
        for text in
            ["", "*", "*.", "*.*.com", "a*.com", "api.example.com:443", "a b", "*.10.0.0.1", "*..com", "x/y"]
        {
            assert!(HostPattern::parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_suffix_matches_itself_and_what_is_below(
            name in "[a-w]{1,8}(\\.[a-w]{1,8}){0,2}", below in "[a-z]{1,8}(\\.[a-z]{1,8}){0,2}",
        ) {
            let exact = HostPattern::parse(&name).expect("a pattern");
            let suffix = HostPattern::parse(&format!("*.{name}")).expect("a pattern");
            let (child, sibling) = (format!("{below}.{name}"), format!("{below}{name}"));
            let elsewhere = format!("{name}.{below}x");
            prop_assert!(exact.matches(&name.to_uppercase()) && suffix.matches(&name.to_uppercase()));
            prop_assert!(suffix.matches(&child) && !exact.matches(&child));
            prop_assert!(!suffix.matches(&sibling));
            prop_assert!(!suffix.matches(&elsewhere) );
        }

        #[test]
        fn any_host_can_be_compared(name in "\\PC{0,20}", host in "\\PC{0,20}") {
            if let Ok(pattern) = HostPattern::parse(&name) {
                pattern.matches(&host);
            }
        }
    }
}
