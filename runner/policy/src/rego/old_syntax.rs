//! Whether a file that is no Rego v1 is meant as Rego v0.
//!
//! That it parses as v0 does not say so. `if` is an ordinary name there, and a rule without a body is true,
//! so what a slip makes of a v1 file is often a v0 file that allows everything:
//!
//! ```rego
//! allow if { input.method == "GET" }   # v0: allow is true; and there is a rule named if
//! helper { input.x }                   # the slip: no v1
//! ```

use regorus::{
    Engine,
    unstable::{Rule, RuleHead},
};

/// What has a meaning in v1, and in v0 would be the name of a rule.
const KEYWORDS: &[&str] = &["contains", "every", "if", "in"];

/// Whether a file is Rego v0 in which no rule is named like a keyword of v1 and every rule has a body or a
/// value. Files that were cut off are refused by this, too.
pub(super) fn is_meant(label: &str, text: &str) -> bool {
    let mut engine = Engine::new();
    engine.set_rego_v0(true);
    if engine.add_policy(label.to_owned(), text.to_owned()).is_err() {
        return false;
    }
    // An error means that the file imports the keyword.
    let named_like = |keyword: &&str| engine.has_declared_rule_rooted_at(label, keyword).unwrap_or(false);
    if KEYWORDS.iter().any(named_like) {
        return false;
    }
    !engine.get_modules().iter().flat_map(|module| &module.policy).any(|rule| is_bare(rule))
}

/// Whether a rule is nothing but its name.
fn is_bare(rule: &Rule) -> bool {
    match rule {
        Rule::Spec { head: RuleHead::Compr { assign: None, .. }, bodies, .. }
        | Rule::Spec { head: RuleHead::Func { assign: None, .. }, bodies, .. } => bodies.is_empty(),
        Rule::Spec { .. } | Rule::Default { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_not_old_syntax() {
        let check = |rules: &str, expect: bool| {
            assert_eq!(is_meant("p.rego", &format!("package p\n{rules}")), expect, "{rules}");
        };
        check("allow { input.x }", true);
        check(
            "default allow = false\nallow { f(input.x) }\nf(x) { x == 1 }\nnames[n] { n := input.n }",
            true,
        );
        check("import future.keywords.if\nallow if { input.x }\nother { input.y }", true);
        check("allow = true { input.x } else = false { input.y }", true);
        check("allow = true", true);
        check("allow {", false);
        check("allow", false);
        check("f(x)", false);
        check("allow if", false);
        check("allow if { input.x }\nother { input.y }", false);
        check("allow := true if { input.x }\nother { input.y }", false);
        check("f(x) := true if { input.x }\nother { input.y }", false);
        check("deny contains x if { x := input.x }\nother { input.y }", false);
        check("names[x] if { x := input.x }\nother { input.y }", false);
        check("allow { input.x } else := true if { input.y }", false);
    }
}
