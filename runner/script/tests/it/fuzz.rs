//! Random cells: nothing panics, what is accepted stays a program, positions hold.

use proptest::prelude::*;
use stasis_script::{Language, Source, prepare, prepare_module};

use crate::positions;

const STATEMENTS: &[&str] = &[
    "let N = 1",
    "const N = () => { M = 2 }",
    "var N",
    "let N, {M, ...L} = K",
    "(N)",
    "[N].map(M => M)",
    "`${N}`",
    "N++",
    "M = N",
    "[N, M = 1] = K",
    "function N(M) { return M }",
    "async function N() { await M }",
    "class N { static { M } }",
    "{ let N; var M = 1 }",
    "if (N) M; else var L = 3",
    "for (var N of M) L",
    "for (let N = 0; N < 2; N++) M",
    "do N\nwhile (M)",
    "try { N } catch ({M}) { L } finally { }",
    "switch (N) { case M: var L }",
    "await N",
    "await\n N",
    "M = (await // N\n N)",
    "if (N) function M() {}",
    "{ function N() {} M: function L() {} }",
    "try { function N() {} } finally { N: for (;;) break N }",
    "for (const N of M) if (L) K; else continue",
    "namespace N { export const M = 1 }",
    "for await (const N of M) L",
    "export const N = 1",
    "export default N",
    "import N, {M as L} from 'K'",
    "let N: M<L> = K as any",
    "interface N { M: L }",
    "enum N { M }",
    "N!.M satisfies L",
    "// N",
    "/* N\n */",
    ";",
    "'é𝒳'",
];

fn cell() -> impl Strategy<Value = String> {
    let statement = (prop::sample::select(STATEMENTS), 0..40_u32).prop_map(|(statement, seed)| {
        ["N", "M", "L", "K"].iter().zip(0..).fold(statement.to_owned(), |text, (letter, index)| {
            // Only whole words are such letters.
            text.replace(letter, &format!("{}{}", letter.to_lowercase(), seed + index))
        })
    });
    let separator = prop::sample::select(vec!["\n", "\r\n", ";", "; ", "\u{2028}", "\n\n"]);
    prop::collection::vec((statement, separator), 0..8)
        .prop_map(|parts| parts.into_iter().map(|(statement, separator)| statement + separator).collect())
}

fn soup() -> impl Strategy<Value = String> {
    let token = prop::sample::select(vec![
        "a",
        "b",
        "1",
        "'s'",
        "`t`",
        "`${",
        "}",
        "{",
        "(",
        ")",
        "[",
        "]",
        "<",
        ">",
        "=>",
        "=",
        "...",
        ",",
        ";",
        ":",
        "?",
        ".",
        "?.",
        "!",
        "/",
        "/x/g",
        "\n",
        "\r",
        " ",
        "\u{2028}",
        "é",
        "𝒳",
        "\\u0061",
        "@",
        "#a",
        "+",
        "++",
        "**",
        "let ",
        "const ",
        "var ",
        "function ",
        "class ",
        "async ",
        "await ",
        "import ",
        "export ",
        "from ",
        "default ",
        "type ",
        "interface ",
        "enum ",
        "namespace ",
        "declare ",
        "abstract ",
        "as ",
        "for ",
        "of ",
        "in ",
        "if ",
        "else ",
        "yield ",
        "static ",
        "get ",
        "with ",
        "using ",
        "new ",
        "this",
        "super",
        "//",
        "/*",
        "*/",
        "<!--",
        "-->",
        "\u{feff}",
        "\0",
    ]);
    prop::collection::vec(token, 0..14).prop_map(|tokens| tokens.concat())
}

fn is_constant(name: &str) -> bool {
    name.ends_with(['1', '2', 'a'])
}

proptest! {
    #[test]
    fn cells(text in cell()) {
        if let Ok(prepared) = prepare(&Source::cell("cell", &text), &is_constant) {
            positions::check(&text, &prepared);
            // Printed TypeScript has another shape, all else must be accepted again as it is.
            let again = prepare(&Source::cell("cell", &prepared.code), &|_| false);
            prop_assert!(again.is_ok(), "{text}\nbecame\n{}\n{again:?}", prepared.code);
        }
    }

    #[test]
    fn token_soup(text in soup()) {
        let _ = prepare(&Source::cell("cell", &text), &is_constant);
        let _ = prepare_module(&Source { name: "m.ts", text: &text, language: Language::TypeScript });
    }

    #[test]
    fn any_text(text in any::<String>()) {
        let _ = prepare(&Source::cell("cell", &text), &is_constant);
    }
}
