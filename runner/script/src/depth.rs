//! Refuses texts that are nested so deeply that reading them would exhaust the stack.

use crate::error::Fault;

/// How deeply brackets may nest. V8's own limit is of the same order.
const LIMIT: usize = 1000;

/// Counts brackets outside strings and comments. It takes templates and regular expressions for
/// code, which is near enough: it need only tell programs from attacks.
pub(crate) fn check(text: &str) -> Result<(), Fault> {
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b'"' | b'\'' => at += string_length(&bytes[at + 1..], byte),
            b'/' if bytes[at..].starts_with(b"//") => at += line_length(&bytes[at..]),
            b'/' if bytes[at..].starts_with(b"/*") => at += comment_length(&bytes[at..]),
            _ => {}
        }
        if depth > LIMIT {
            let message = format!("Brackets are nested more than {LIMIT} deep");
            return Err(Fault { message, range: at..at + 1 });
        }
        at += 1;
    }
    Ok(())
}

/// The distance from an opening quote to the closing one, or to the end of the line.
fn string_length(after: &[u8], quote: u8) -> usize {
    let mut at = 0;
    while let Some(&byte) = after.get(at) {
        match byte {
            b'\\' => at += 2,
            b'\n' => return at,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    after.len()
}

fn line_length(text: &[u8]) -> usize {
    text.iter().take_while(|&&byte| byte != b'\n').count()
}

fn comment_length(text: &[u8]) -> usize {
    let end = text.get(2..).and_then(|rest| rest.windows(2).position(|two| two == b"*/"));
    end.map_or(text.len(), |end| end + 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth() {
        let many = |open: &str| open.repeat(LIMIT + 1);
        let check = |text: String, is_fine: bool| assert_eq!(check(&text).is_ok(), is_fine, "{text:.30}");
        check(many("("), false);
        check(many("a[{"), false);
        check("(".repeat(LIMIT), true);
        check(many("()"), true);
        check(format!("'{}'", many("(")), true);
        check(format!("\"\\\"{}\"", many("(")), true);
        check(format!("// {}", many("(")), true);
        check(format!("/* {} */ {}", many("("), "(".repeat(LIMIT)), true);
        check(format!("/**/ {}", many("(")), false);
        check(format!("'a\n{}", many("(")), false);
        check("'".to_owned(), true);
        check("'\\".to_owned(), true);
        check("/*".to_owned(), true);
    }
}
