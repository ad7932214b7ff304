use super::*;
use crate::corpus;

#[test]
fn the_corpus_of_texts_is_safe_at_its_widths() {
    let inputs = corpus::read(include_str!("../../../../../fuzz/corpus/texts.txt"));
    assert!(inputs.len() > 20);
    inputs.iter().for_each(|input| text(input));
}

#[test]
fn the_corpus_of_attacks_is_safe_at_many_widths() {
    let attacks = corpus::read(include_str!("../../../../../tests/corpus/attacks.txt"));
    assert!(attacks.len() >= 200, "{}", attacks.len());
    for attack in attacks {
        for columns in [0, 1, 3, 11, 24, 40, 80] {
            text(&[&[columns, 80], attack.as_slice()].concat());
        }
    }
}
