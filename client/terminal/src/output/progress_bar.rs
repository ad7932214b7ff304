//! Progress bars of transfers, on standard error, while no prompt is shown.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use qchat_client::{Progress, TransferEvent};

use crate::lock::lock;
use crate::outcome::ProgressMeter;
use crate::output::no_echo::NoEcho;
use crate::output::sanitize;
use crate::output::terminal_width::columns;
use crate::output::wrap::width;

/// Whether progress bars are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum BarMode {
    /// For scripts.
    #[default]
    Off,
    /// For people, if standard error is a terminal.
    On,
}

/// How transfers report their progress.
#[derive(Debug, Clone, Default)]
pub(crate) struct ProgressOptions {
    pub(crate) bars: BarMode,
    /// Set when bytes of a file move.
    pub(crate) has_moved: Arc<AtomicBool>,
    /// Shows the progress to others.
    pub(crate) meter: Option<Arc<ProgressMeter>>,
}

impl ProgressOptions {
    /// The same options while a prompt is shown.
    pub(crate) fn without_bar(&self) -> Self {
        Self { bars: BarMode::Off, ..self.clone() }
    }
}

/// The most columns of a file's name before its bar.
const NAME_COLUMNS_MAX: usize = 32;

/// The number of the file, its name, the bar, the bytes, the rate and the time left.
const WIDE: &str =
    "{prefix}{msg} {wide_bar:.cyan} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left";

/// A narrower terminal gets no bar, and the bytes stand first.
const WIDE_COLUMNS_MIN: usize = 80;

/// The columns of [`WIDE`] beside names: the longest figures, and a bar of eight columns.
const BESIDE_NAMES: usize = 62;

const NARROW: &str = "{prefix}{bytes} of {total_bytes} {msg}";

/// The columns of [`NARROW`] beside names, and one for the cursor.
const BESIDE_NAMES_NARROW: usize = 28;

/// How often a bar is drawn, also while no bytes move: a stall is then visible.
const TICK: Duration = Duration::from_millis(50);

/// The bar of one transfer. It appears when bytes begin to move, and disappears when this is dropped.
#[derive(Debug, Default)]
pub(crate) struct TransferBar {
    options: ProgressOptions,
    seen: Arc<BarState>,
    _no_echo: Option<NoEcho>,
}

/// The events of the transfer so far.
#[derive(Debug, Default)]
struct BarState {
    drawn: OnceLock<Drawn>,
    has_begun: AtomicBool,
    damaged: Mutex<Vec<u64>>,
}

impl TransferBar {
    /// A bar for one file.
    pub(crate) fn new(options: &ProgressOptions) -> Self {
        let no_echo = match options.bars {
            BarMode::Off => None,
            BarMode::On => NoEcho::begin(),
        };
        Self { options: options.clone(), seen: Arc::default(), _no_echo: no_echo }
    }

    /// One bar for several files, which appears at once.
    pub(crate) fn of_many(options: &ProgressOptions, files: usize, bytes: u64) -> Self {
        let bar = Self::new(options);
        if options.bars == BarMode::On {
            bar.seen.drawn.get_or_init(|| Drawn::of(bytes));
        }
        if let Some(meter) = &options.meter {
            meter.expect_many(files, bytes);
        }
        bar
    }

    /// Begins the next of several files. `place` is its number and how many there are; `done` are the bytes of
    /// the files before it.
    pub(crate) fn begin_file(&self, name: &str, place: (usize, usize), done: u64) {
        if let Some(drawn) = self.seen.drawn.get() {
            let (file, files) = place;
            drawn.call(&format!("{file}/{files} "), name);
            drawn.bar.set_position(done);
        }
        if let Some(meter) = &self.options.meter {
            meter.begin_file(name, done);
        }
    }

    /// The receiver of the events of the transfer.
    pub(crate) fn progress(&self) -> Progress {
        let seen = Arc::clone(&self.seen);
        let ProgressOptions { bars, has_moved, meter } = self.options.clone();
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

    /// Whether bytes were to be moved. If the server has the whole file already, none are.
    pub(crate) fn has_begun(&self) -> bool {
        self.seen.has_begun.load(Ordering::Relaxed)
    }

    /// The blocks of the partial file that were damaged.
    pub(crate) fn damaged(&self) -> Vec<u64> {
        lock(&self.seen.damaged).clone()
    }
}

impl BarState {
    fn hear(&self, event: TransferEvent, bars: BarMode) {
        match event {
            TransferEvent::Started { name, size } => {
                self.has_begun.store(true, Ordering::Relaxed);
                if bars == BarMode::On {
                    self.drawn.get_or_init(|| {
                        let drawn = Drawn::of(size);
                        drawn.call("", name.as_str());
                        drawn
                    });
                }
            }
            TransferEvent::Kept { bytes } => {
                if let Some(Drawn { bar, .. }) = self.drawn.get() {
                    bar.inc(bytes);
                    // Bytes of an earlier attempt tell nothing about the rate.
                    bar.reset_eta();
                }
            }
            TransferEvent::Moved { bytes } => {
                if let Some(Drawn { bar, .. }) = self.drawn.get() {
                    bar.inc(bytes);
                }
            }
            TransferEvent::Damaged { block } => {
                lock(&self.damaged).push(block);
            }
        }
    }
}

impl Drop for TransferBar {
    fn drop(&mut self) {
        if let Some(Drawn { bar, .. }) = self.seen.drawn.get() {
            bar.finish_and_clear();
        }
    }
}

/// A bar that fits into its terminal.
#[derive(Debug)]
struct Drawn {
    bar: ProgressBar,
    /// The columns for the name and the number before it.
    room: usize,
}

impl Drawn {
    /// indicatif hides the bar if standard error is no terminal.
    fn of(bytes: u64) -> Self {
        let drawn = Self::in_columns(columns(std::io::stderr()), bytes);
        drawn.bar.enable_steady_tick(TICK);
        drawn
    }

    fn in_columns(columns: Option<usize>, bytes: u64) -> Self {
        let (template, beside) = match columns {
            Some(..WIDE_COLUMNS_MIN) => (NARROW, BESIDE_NAMES_NARROW),
            _ => (WIDE, BESIDE_NAMES),
        };
        let style = ProgressStyle::with_template(template);
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("━╸─");
        let room = columns.map_or(usize::MAX, |columns| columns.saturating_sub(beside));
        Self { bar: ProgressBar::new(bytes).with_style(style), room }
    }

    fn call(&self, before: &str, name: &str) {
        let room = self.room.saturating_sub(before.len()).min(NAME_COLUMNS_MAX);
        self.bar.set_prefix(before.to_owned());
        self.bar.set_message(short(name, room));
    }
}

/// The name, made safe and shortened in the middle, because its end tells its kind. Empty if there is hardly
/// any room.
fn short(name: &str, room: usize) -> String {
    let name: Vec<char> = sanitize::line(name).chars().collect();
    let columns = |part: &[char]| part.iter().copied().map(width).sum::<usize>();
    let half = room.saturating_sub(1) / 2;
    let start = name.iter().scan(0, |taken, &part| {
        *taken += width(part);
        Some(*taken)
    });
    let start = start.take_while(|&taken| taken <= half).count();
    let end = name.iter().rev().scan(0, |taken, &part| {
        *taken += width(part);
        Some(*taken)
    });
    let end = end.take_while(|&taken| taken <= half).count();
    let middle = name.len().saturating_sub(end);
    match (name.get(..start), name.get(middle..)) {
        _ if columns(&name) <= room => name.into_iter().collect(),
        (Some(start), Some(end)) if half > 0 => start.iter().chain(&['…']).chain(end).collect(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests;
