//! Remarks about a result, for standard error: hints, warnings, and the failed files.
//!
//! A script reads results as data, so sentences about them go elsewhere.

use super::{RenderOptions, files, whole};
use crate::outcome::{Outcome, Page};

/// The remarks as whole lines. Empty if there are none.
pub(crate) fn remarks(outcome: &Outcome, options: &RenderOptions) -> String {
    match outcome {
        Outcome::Shown(result) => result.remark().to_owned(),
        Outcome::History(page) => of_page(page, options),
        Outcome::SentFiles(sent) => files::not_sent(sent, options),
        Outcome::SavedFiles(saved) => files::not_saved(saved, options),
        Outcome::Saved { damaged, .. } => of_damage(damaged, options),
        _ => String::new(),
    }
}

fn of_damage(blocks: &[u64], options: &RenderOptions) -> String {
    let line = |block| format!("block {block} of what had come before was damaged, and came again");
    blocks.iter().map(|block| whole(&line(block), options)).collect()
}

/// The remarks about an empty page, and about older messages.
fn of_page(page: &Page, options: &RenderOptions) -> String {
    let nothing = if page.messages.is_empty() { "no messages\n" } else { "" };
    let older = if page.more { whole(&older(page), options) } else { String::new() };
    format!("{nothing}{older}")
}

fn older(page: &Page) -> String {
    let first = page.messages.len().saturating_sub(page.unbroken);
    let line = match page.messages.get(first) {
        Some(message) => format!("{} --before {}", page.again, message.id),
        None => elsewhere(page),
    };
    format!("older messages exist: {line}")
}

/// The line for older messages if no shown message marks their end.
fn elsewhere(page: &Page) -> String {
    let words = page.again.split(' ');
    let kept = words.take_while(|word| !word.starts_with("--unread"));
    kept.collect::<Vec<_>>().join(" ")
}
