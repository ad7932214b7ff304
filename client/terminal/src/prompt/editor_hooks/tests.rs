use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

#[test]
fn the_editor_is_left_only_below_a_text_and_only_with_a_stale_prompt() {
    let notices = Arc::<NoticeQueue>::default();
    let mut hooks = EditorHooks::with_interrupt(Arc::clone(&notices), || true);
    let draw = |hooks: &EditorHooks, prompt: &str| {
        let prompt = hooks.highlight_prompt(prompt, true).into_owned();
        (prompt, hooks.highlight("añb", 3).into_owned())
    };
    let draw_over = |hooks: &EditorHooks, prompt: &str| {
        hooks.highlight_char("añb", 3, CmdKind::Other);
        draw(hooks, prompt)
    };
    let drawn = |prompt: &str, line: &str| (prompt.to_owned(), line.to_owned());
    notices.set_prompt("one> ".to_owned());
    assert_eq!(notices.prompt_shown(), "one> ");
    assert_eq!(draw_over(&hooks, "one> "), drawn("one> ", "añb"));
    assert_eq!(draw(&hooks, "one> "), drawn("one> ", "añb"));
    notices.set_prompt("two> ".to_owned());
    assert_eq!(draw_over(&hooks, "one> "), drawn("one> ", "añb"));
    assert_eq!(hooks.take_partial_line(), None);
    assert_eq!(draw(&hooks, "one> "), drawn(SAVE_CURSOR, ""));
    let partial = PartialLine { before: "añ".to_owned(), after: "b".to_owned() };
    assert_eq!(hooks.take_partial_line(), Some(partial));
    assert_eq!(notices.prompt_shown(), "two> ");
    assert_eq!(draw(&hooks, "two> "), drawn("two> ", "añb"));
    assert_eq!(hooks.take_partial_line(), None);
}

#[test]
fn an_editor_that_cannot_be_interrupted_keeps_its_prompt() {
    let notices = Arc::<NoticeQueue>::default();
    let mut hooks = EditorHooks::with_interrupt(Arc::clone(&notices), || false);
    notices.prompt_shown();
    notices.set_prompt("two> ".to_owned());
    assert_eq!(hooks.highlight_prompt("one> ", true), "one> ");
    assert_eq!(hooks.highlight("a", 1), "a");
    assert_eq!(hooks.take_partial_line(), None);
}

#[test]
fn keys_that_were_read_before_the_interrupt_stay_in_the_line() {
    static INTERRUPTS: AtomicU32 = AtomicU32::new(0);
    let notices = Arc::<NoticeQueue>::default();
    let mut hooks = EditorHooks::with_interrupt(Arc::clone(&notices), || {
        INTERRUPTS.fetch_add(1, Ordering::Relaxed);
        true
    });
    notices.prompt_shown();
    notices.set_prompt("two> ".to_owned());
    assert_eq!(hooks.highlight_prompt("one> ", true), SAVE_CURSOR);
    assert_eq!(hooks.highlight("a", 1), "");
    // The editor handles another key, also one of a long line, and is interrupted again.
    let long = "b".repeat(LONG_LINE_BYTES + 1);
    assert!(hooks.highlight_char(&long, long.len(), CmdKind::Other));
    assert_eq!(hooks.highlight_prompt("one> ", true), "one> ");
    assert_eq!(hooks.highlight(&long, long.len()), long);
    assert_eq!(INTERRUPTS.load(Ordering::Relaxed), 2);
    assert_eq!(hooks.take_partial_line(), Some(PartialLine { before: long, after: String::new() }));
}
