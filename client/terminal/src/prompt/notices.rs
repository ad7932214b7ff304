//! The queue of notices, and the thread that prints them above the prompt.
//!
//! Posting a notice never waits. While no prompt is shown, because a line runs or a password is asked for,
//! notices wait for the next prompt.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use qchat_proto::{MessageId, Stage};

use crate::lock::lock;
use crate::outcome::{Notice, NoticeBatch, ReceivedMessage};

/// How many notices wait. Later messages are only counted then.
const WAITING_MAX: usize = 256;

/// How many ids are remembered of messages that a command has shown.
const SEEN_MAX: usize = 1024;

/// Lets the editor draw the prompt again without a text above it. The editor adds a line break to every text,
/// so this text moves up a row first.
pub(crate) const REDRAW: &str = "\u{1b}[A\n";

/// How long a closing prompt waits for a notice that is being printed.
const PROMPT_CLOSE_MAX: Duration = Duration::from_millis(100);

/// The notices that wait, and the state of the prompt.
#[derive(Debug, Default)]
pub(crate) struct NoticeQueue {
    state: Mutex<QueueState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct QueueState {
    waiting: VecDeque<Notice>,
    left_out: usize,
    /// Messages that a command has shown lately. The watch may still report them.
    seen: VecDeque<MessageId>,
    /// Incremented when the batches that were taken before must not be printed any more.
    generation: u64,
    is_prompt_shown: bool,
    is_printing: bool,
    /// How often the editor has drawn the prompt.
    drawn: u64,
    /// The text of the prompt on the screen.
    shown_text: String,
    /// The text that the prompt should have.
    prompt_text: String,
    /// Whether the editor was told to draw since `prompt_text` changed.
    is_redraw_requested: bool,
}

impl NoticeQueue {
    /// Adds a notice. If too many wait already, a message is only counted.
    pub(crate) fn post(&self, notice: Notice) {
        let mut state = self.lock();
        let has_room = state.waiting.len() < WAITING_MAX && state.left_out == 0;
        match notice {
            Notice::Message(received) if state.seen.contains(&received.message.id) => {}
            Notice::Message(_) if !has_room => state.left_out += 1,
            Notice::Text(_) | Notice::Receipt { .. } if !has_room => {}
            Notice::Receipt { stage, messages } => state.add_receipt(stage, messages),
            notice => state.waiting.push_back(notice),
        }
        self.changed.notify_all();
    }

    /// Notes the messages that a command has shown, so that they are not printed again.
    pub(crate) fn note_seen(&self, shown: Vec<MessageId>) {
        let mut state = self.lock();
        state.waiting.retain(|notice| match notice {
            Notice::Message(received) => !shown.contains(&received.message.id),
            Notice::Text(_) | Notice::Late(_) | Notice::Receipt { .. } => true,
        });
        state.seen.extend(shown);
        let surplus = state.seen.len().saturating_sub(SEEN_MAX);
        state.seen.drain(..surplus);
    }

    /// Forgets all notices: they belong to a user who is no longer signed in.
    pub(crate) fn clear(&self) {
        let mut state = self.lock();
        state.waiting.clear();
        state.seen.clear();
        state.left_out = 0;
        state.generation += 1;
    }

    /// Sets the text of the prompt, also of the one on the screen.
    pub(crate) fn set_prompt(&self, text: String) {
        let mut state = self.lock();
        if state.prompt_text != text {
            (state.prompt_text, state.is_redraw_requested) = (text, false);
            self.changed.notify_all();
        }
    }

    /// Notes that a prompt is shown, and returns its text.
    pub(crate) fn prompt_shown(&self) -> String {
        let mut state = self.lock();
        state.is_prompt_shown = true;
        state.shown_text = state.prompt_text.clone();
        self.changed.notify_all();
        state.shown_text.clone()
    }

    /// The text of the prompt on the screen.
    pub(crate) fn shown_text(&self) -> String {
        self.lock().shown_text.clone()
    }

    /// Whether the prompt on the screen has another text than it should have.
    pub(crate) fn is_stale(&self) -> bool {
        self.lock().is_stale()
    }

    /// Notes that the editor is about to be left, to be entered again with another prompt.
    pub(crate) fn prompt_interrupted(&self) {
        self.lock().is_prompt_shown = false;
    }

    /// Notes that the prompt is closed. A notice that is being printed is on the screen when this returns, or
    /// the editor keeps it for the next prompt.
    pub(crate) fn prompt_closed(&self) {
        let mut state = self.lock();
        state.is_prompt_shown = false;
        drop(self.changed.wait_timeout_while(state, PROMPT_CLOSE_MAX, |state| state.is_printing));
    }

    /// Notes that the editor has drawn the prompt, below all notices that were printed before.
    pub(crate) fn note_drawn(&self) {
        self.lock().drawn += 1;
        self.changed.notify_all();
    }

    /// Waits for notices and for a prompt, and takes all notices. Returns them with their generation.
    fn take(&self) -> (NoticeBatch, u64) {
        let is_idle = |state: &mut QueueState| {
            let has_notices = !state.waiting.is_empty() || state.left_out > 0;
            let needs_redraw = state.is_stale() && !state.is_redraw_requested;
            !state.is_prompt_shown || !(has_notices || needs_redraw)
        };
        let mut state = self.wait_while(is_idle);
        state.is_redraw_requested = true;
        let notices = state.waiting.drain(..).collect();
        let left_out = std::mem::take(&mut state.left_out);
        (NoticeBatch { notices, left_out }, state.generation)
    }

    /// Prints a batch above the next prompt. Returns whether it was printed.
    fn print_above_prompt(
        &self,
        (batch, generation): (&NoticeBatch, u64),
        render: impl Fn(&NoticeBatch) -> String,
        print: &mut Print,
    ) -> bool {
        let mut state =
            self.wait_while(|state| !state.is_prompt_shown && state.generation == generation);
        if state.generation != generation {
            return false;
        }
        // Rendered only now, because the terminal may have become narrower in the meantime.
        let mut text = render(batch);
        if text.is_empty() {
            text = REDRAW.to_owned();
        }
        state.is_printing = true;
        let drawn = state.drawn;
        // The editor takes the lock when it draws.
        drop(state);
        let printed = print(text);
        self.lock().is_printing = false;
        self.changed.notify_all();
        // While a completion menu is open, the editor has the text and does not show it.
        drop(self.wait_while(|state| printed && state.drawn == drawn));
        printed
    }

    fn wait_while(
        &self,
        condition: impl FnMut(&mut QueueState) -> bool,
    ) -> MutexGuard<'_, QueueState> {
        let waited = self.changed.wait_while(self.lock(), condition);
        waited.unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, QueueState> {
        lock(&self.state)
    }
}

impl QueueState {
    fn is_stale(&self) -> bool {
        self.shown_text != self.prompt_text
    }

    /// Joins receipts of one stage that come together into one notice.
    fn add_receipt(&mut self, stage: Stage, new: Vec<MessageId>) {
        match self.waiting.back_mut() {
            Some(Notice::Receipt { stage: last, messages }) if *last == stage => {
                messages.extend(new);
            }
            _ => self.waiting.push_back(Notice::Receipt { stage, messages: new }),
        }
    }
}

/// Prints whole lines above the prompt. Returns whether that was possible.
pub(crate) type Print = dyn FnMut(String) -> bool + Send;

/// Starts the thread that prints notices and reports the messages that it has `shown`. No other thread waits
/// for the terminal. The thread lives as long as the program.
pub(crate) fn start_printing(
    notices: Arc<NoticeQueue>,
    mut print: Box<Print>,
    render: impl Fn(&NoticeBatch) -> String + Send + 'static,
    mut shown: impl FnMut(Vec<ReceivedMessage>) -> bool + Send + 'static,
) {
    std::thread::spawn(move || {
        loop {
            let (batch, generation) = notices.take();
            let printed = notices.print_above_prompt((&batch, generation), &render, &mut *print);
            if printed && !shown(messages(batch)) {
                break;
            }
        }
    });
}

fn messages(batch: NoticeBatch) -> Vec<ReceivedMessage> {
    let messages = batch.notices.into_iter().filter_map(|notice| match notice {
        Notice::Message(received) => Some(received),
        Notice::Text(_) | Notice::Late(_) | Notice::Receipt { .. } => None,
    });
    messages.collect()
}

#[cfg(test)]
mod tests;
