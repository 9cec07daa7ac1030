//! Rust source without what is not code: comments and literals become blanks.

/// Returns `source` with the same lines, in which comments, strings and characters are blank.
pub(super) fn without_comments_and_literals(source: &str) -> String {
    let mut rest = source;
    let mut code = String::with_capacity(source.len());
    while let Some(first) = rest.chars().next() {
        let skipped = length_of_comment(rest).or_else(|| length_of_literal(rest, &code));
        if let Some(length) = skipped {
            code.extend(rest[..length].chars().map(|c| if c == '\n' { c } else { ' ' }));
            rest = &rest[length..];
        } else {
            code.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    code
}

fn length_of_comment(rest: &str) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if !rest.starts_with("/*") {
        return None;
    }
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        // The marks are ASCII, so bytes will do; no other character contains theirs.
        match rest.as_bytes()[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] if depth == 1 => return Some(at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    Some(rest.len())
}

fn length_of_literal(rest: &str, before: &str) -> Option<usize> {
    if let Some(text) = rest.strip_prefix('"') {
        return Some(1 + length_until(text, '"'));
    }
    if let Some(text) = rest.strip_prefix('\'') {
        return length_of_character(text);
    }
    let is_in_a_word = before.ends_with(|c: char| c.is_alphanumeric() || c == '_');
    let raw = rest.strip_prefix(['b', 'c']).unwrap_or(rest).strip_prefix('r').filter(|_| !is_in_a_word)?;
    let text = raw.trim_start_matches('#').strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(raw.len() - text.len() - 1));
    let start = rest.len() - text.len();
    Some(text.find(&end).map_or(rest.len(), |at| start + at + end.len()))
}

/// Of a character whose first quote is already read; `None` for a lifetime or a label.
fn length_of_character(text: &str) -> Option<usize> {
    let mut chars = text.chars();
    let first = chars.next()?;
    if first == '\\' {
        return Some(1 + length_until(text, '\''));
    }
    (chars.next() == Some('\'')).then(|| 1 + first.len_utf8() + 1)
}

/// Length up to and with `end`, over what backslashes escape.
fn length_until(text: &str, end: char) -> usize {
    let mut is_escaped = false;
    for (at, c) in text.char_indices() {
        if c == end && !is_escaped {
            return at + 1;
        }
        is_escaped = c == '\\' && !is_escaped;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(source: &str, expect: &str) {
        let got = without_comments_and_literals(source);
        let words: Vec<&str> = got.split_whitespace().collect();
        assert_eq!(words.join(" "), expect, "{source}");
        assert_eq!(got.matches('\n').count(), source.matches('\n').count(), "{source}");
    }

    #[test]
    fn comments_are_blank() {
        check("a // b\nc", "a c");
        check("a /* b /* c\n */ d */ e", "a e");
        check("a / b", "a / b");
        check("/* never\nclosed", "");
    }

    #[test]
    fn literals_are_blank() {
        check(r#"a "b \" // c" d"#, "a d");
        check("a \"b\nc\" d", "a d");
        check(r##"a r#"b " c"# d br"e" f"##, "a d f");
        check(r#"for "x" er"#, "for er");
        check(r"a '\'' b '\\' c 'é' d '\u{41}' e", "a b c d e");
        check("a '\"' b", "a b");
    }

    #[test]
    fn lifetimes_and_labels_are_code() {
        check("fn f<'a>(x: &'a str) -> &'static str", "fn f<'a>(x: &'a str) -> &'static str");
        check("'outer: loop {}", "'outer: loop {}");
    }
}
