//! Reads the corpora of hostile names and texts, which are files of lines with escapes.

/// The bytes of the lines, in order. Empty lines and lines that begin with `#` are skipped.
///
/// `\xNN` is a byte, `\u{N}` a character, `\n \r \t \0 \\ \#` have their usual meaning, `\s` is a space, `\e`
/// stands for no byte, and `\{N}` repeats the character before it, so that it is there `N` times.
pub(crate) fn read(corpus: &str) -> Vec<Vec<u8>> {
    let lines = corpus.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(unescaped).collect()
}

fn unescaped(line: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut last = Vec::new();
    let mut rest = line.chars();
    while let Some(character) = rest.next() {
        match (character, rest.clone().next()) {
            ('\\', Some('{')) => {
                let times: usize = braced(&mut rest).parse().expect("a number of times");
                bytes.extend(last.repeat(times - 1));
                continue;
            }
            ('\\', _) => last = escaped(&mut rest),
            _ => last = character.to_string().into_bytes(),
        }
        bytes.extend(&last);
    }
    bytes
}

/// The bytes of the escape after a backslash.
fn escaped(rest: &mut std::str::Chars<'_>) -> Vec<u8> {
    match rest.next().expect("something behind a backslash") {
        'n' => b"\n".to_vec(),
        'r' => b"\r".to_vec(),
        't' => b"\t".to_vec(),
        '0' => b"\0".to_vec(),
        's' => b" ".to_vec(),
        'e' => Vec::new(),
        'x' => {
            let digits: String = rest.by_ref().take(2).collect();
            vec![u8::from_str_radix(&digits, 16).expect("two hexadecimal digits")]
        }
        'u' => {
            let number = u32::from_str_radix(&braced(rest), 16).expect("a hexadecimal number");
            char::from_u32(number).expect("a character").to_string().into_bytes()
        }
        itself @ ('\\' | '#') => vec![u8::try_from(itself).expect("ASCII")],
        other => panic!("no escape: {other:?}"),
    }
}

/// The text in the braces that come next.
fn braced(rest: &mut std::str::Chars<'_>) -> String {
    assert_eq!(rest.next(), Some('{'));
    rest.by_ref().take_while(|&character| character != '}').collect()
}
