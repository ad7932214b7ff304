//! Bars for transfers, on standard error, while no prompt is up.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use qchat_client::{Progress, TransferEvent};

use crate::echo::NoEcho;
use crate::perform::Manner;
use crate::safe;

/// Whether transfers are shown while they run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Bars {
    /// For scripts.
    #[default]
    Off,
    /// For people, where standard error is a terminal.
    On,
}

/// How many characters of a file's name fit before its bar.
const NAME_CHARACTERS_MAX: usize = 32;

/// The name, what part is done, the rate and the time that is left.
const TEMPLATE: &str = "{msg} {bar:24.cyan} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left";

/// How often a bar is drawn anew, whether or not bytes move: a stall is seen too.
const TICK: Duration = Duration::from_millis(50);

/// The bar of one transfer, which appears when bytes begin to move. Dropping this clears it, however
/// the transfer ended.
#[derive(Debug, Default)]
pub(crate) struct Bar {
    seen: Arc<Seen>,
    _no_echo: Option<NoEcho>,
}

/// What a transfer has told so far.
#[derive(Debug, Default)]
struct Seen {
    drawn: OnceLock<ProgressBar>,
    has_begun: AtomicBool,
    damaged: Mutex<Vec<u64>>,
}

impl Bar {
    /// A bar that is drawn, or is not.
    pub(crate) fn new(bars: Bars) -> Self {
        match bars {
            Bars::Off => Self::default(),
            Bars::On => Self { seen: Arc::default(), _no_echo: NoEcho::begin() },
        }
    }

    /// One bar for several files, which is there at once.
    pub(crate) fn of_many(manner: &Manner, files: usize, bytes: u64) -> Self {
        let bar = Self::new(manner.bars);
        if manner.bars == Bars::On {
            bar.seen.drawn.get_or_init(|| draw("", bytes)).enable_steady_tick(TICK);
        }
        if let Some(meter) = &manner.meter {
            meter.expect_many(files, bytes);
        }
        bar
    }

    /// The next of several files begins: `place` says which of how many, and `done` how many bytes those
    /// before it have.
    pub(crate) fn begin_file(&self, manner: &Manner, name: &str, place: (usize, usize), done: u64) {
        if let Some(bar) = self.seen.drawn.get() {
            let (file, files) = place;
            bar.set_message(format!("{file}/{files} {}", short(name)));
            bar.set_position(done);
        }
        if let Some(meter) = &manner.meter {
            meter.begin_file(name, done);
        }
    }

    /// What the transfer is to tell.
    pub(crate) fn progress(&self, manner: &Manner) -> Progress {
        let (seen, bars) = (Arc::clone(&self.seen), manner.bars);
        let (has_moved, meter) = (Arc::clone(&manner.has_moved), manner.meter.clone());
        Progress::new(move |event| {
            if let TransferEvent::Moved { .. } = event {
                has_moved.store(true, Ordering::Relaxed);
            }
            if let Some(meter) = &meter {
                meter.hear(&event);
            }
            seen.hear(event, bars);
        })
    }

    /// Whether the transfer was wanted: not where the server had the whole file already.
    pub(crate) fn has_begun(&self) -> bool {
        self.seen.has_begun.load(Ordering::Relaxed)
    }

    /// The blocks that had come before, and were damaged.
    pub(crate) fn damaged(&self) -> Vec<u64> {
        self.seen.damaged.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Seen {
    fn hear(&self, event: TransferEvent, bars: Bars) {
        match event {
            TransferEvent::Started { name, size } => {
                self.has_begun.store(true, Ordering::Relaxed);
                if bars == Bars::On {
                    self.drawn.get_or_init(|| draw(name.as_str(), size)).enable_steady_tick(TICK);
                }
            }
            TransferEvent::Kept { bytes } => {
                if let Some(bar) = self.drawn.get() {
                    bar.inc(bytes);
                    // It says nothing of how fast the rest will be.
                    bar.reset_eta();
                }
            }
            TransferEvent::Moved { bytes } => {
                if let Some(bar) = self.drawn.get() {
                    bar.inc(bytes);
                }
            }
            TransferEvent::Damaged { block } => {
                self.damaged.lock().unwrap_or_else(PoisonError::into_inner).push(block);
            }
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Some(bar) = self.seen.drawn.get() {
            bar.finish_and_clear();
        }
    }
}

/// indicatif hides the bar where standard error is no terminal.
fn draw(name: &str, size: u64) -> ProgressBar {
    let style = ProgressStyle::with_template(TEMPLATE);
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("━╸─");
    ProgressBar::new(size).with_style(style).with_message(short(name))
}

/// The name, made safe and cut in its middle, since its end tells its kind.
fn short(name: &str) -> String {
    let name: Vec<char> = safe::line(name).chars().collect();
    let half = NAME_CHARACTERS_MAX / 2;
    match (name.get(..half), name.len().checked_sub(half).and_then(|from| name.get(from..))) {
        (Some(start), Some(end)) if name.len() > NAME_CHARACTERS_MAX => {
            start.iter().chain(&['…']).chain(end).collect()
        }
        _ => name.into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_keeps_both_its_ends() {
        assert_eq!(short("report.pdf"), "report.pdf");
        let long = short(&format!("begin{}end.pdf", "x".repeat(100)));
        assert!(long.starts_with("begin") && long.ends_with("end.pdf"), "{long}");
        assert_eq!(long.chars().count(), NAME_CHARACTERS_MAX + 1);
        assert_eq!(short("a\u{1b}b"), "a␛b");
    }

    #[test]
    fn a_transfer_that_ends_early_leaves_no_bar() {
        let bar = Bar::default();
        let shared = Arc::clone(&bar.seen);
        shared.drawn.get_or_init(|| draw("x", 10)).inc(1);
        drop(bar);
        assert!(shared.drawn.get().is_some_and(ProgressBar::is_finished));
    }
}
