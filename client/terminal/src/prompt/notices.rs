//! Where lines wait that come by themselves, until they can be put above a prompt.
//!
//! Whoever posts never waits. What is posted while no prompt is up, since a line runs or a password is
//! asked for, is put up with the next prompt.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use qchat_proto::{MessageId, Stage};

use crate::outcome::{Notice, NoticeBatch, ReceivedMessage};

/// How many lines wait. Later messages are only counted then.
const WAITING_MAX: usize = 256;

/// How many messages are remembered that an answer has shown.
const SEEN_MAX: usize = 1024;

/// Has the prompt drawn anew without a line above it: the editor ends what it prints with a line break,
/// so this goes up a row first.
pub(crate) const REDRAW: &str = "\u{1b}[A\n";

/// How long the end of a prompt waits for a line that is being put above it.
const PROMPT_CLOSE_MAX: Duration = Duration::from_millis(100);

/// The lines that wait, and whether there is a prompt.
#[derive(Debug, Default)]
pub(crate) struct NoticeQueue {
    state: Mutex<QueueState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct QueueState {
    waiting: VecDeque<Notice>,
    left_out: usize,
    /// What an answer has shown lately: it may still come by itself, and is no news then.
    seen: VecDeque<MessageId>,
    /// Changes when what was taken is worth nothing any more.
    generation: u64,
    prompt_is_up: bool,
    is_printing: bool,
    /// How often the prompt was drawn.
    drawn: u64,
    /// What the prompt says, and what it is to say.
    shown_text: String,
    prompt_text: String,
    /// Whether it was told to say something else since that has changed.
    is_redraw_requested: bool,
}

impl NoticeQueue {
    /// Adds something, or counts it where too much waits already.
    pub(crate) fn post(&self, notices: Notice) {
        let mut state = self.lock();
        let has_room = state.waiting.len() < WAITING_MAX && state.left_out == 0;
        match notices {
            Notice::Message(heard) if state.has_seen(&heard.message.id) => {}
            Notice::Message(_) if !has_room => state.left_out += 1,
            Notice::Text(_) | Notice::Receipt { .. } if !has_room => {}
            Notice::Receipt { stage, messages } => state.add_receipt(stage, messages),
            notices => state.waiting.push_back(notices),
        }
        self.changed.notify_all();
    }

    /// Notes what an answer has shown, so that it is not shown again.
    pub(crate) fn note_seen(&self, shown: Vec<MessageId>) {
        let mut state = self.lock();
        state.waiting.retain(|notices| match notices {
            Notice::Message(heard) => !shown.contains(&heard.message.id),
            Notice::Text(_) | Notice::Late(_) | Notice::Receipt { .. } => true,
        });
        state.seen.extend(shown);
        let surplus = state.seen.len().saturating_sub(SEEN_MAX);
        state.seen.drain(..surplus);
    }

    /// Forgets everything: somebody else sits here now.
    pub(crate) fn clear(&self) {
        let mut state = self.lock();
        state.waiting.clear();
        state.seen.clear();
        state.left_out = 0;
        state.generation += 1;
    }

    /// Changes what the prompt says, also while one is up.
    pub(crate) fn set_prompt(&self, prompt: String) {
        let mut state = self.lock();
        if state.prompt_text != prompt {
            (state.prompt_text, state.is_redraw_requested) = (prompt, false);
            self.changed.notify_all();
        }
    }

    /// A prompt comes up; returns what it is to say.
    pub(crate) fn prompt_shown(&self) -> String {
        let mut state = self.lock();
        state.prompt_is_up = true;
        state.shown_text = state.prompt_text.clone();
        self.changed.notify_all();
        state.shown_text.clone()
    }

    /// What the prompt says that is up, or was last.
    pub(crate) fn shown_text(&self) -> String {
        self.lock().shown_text.clone()
    }

    /// Takes the prompt down for a moment where it has to say something else; says whether it has.
    pub(crate) fn close_if_stale(&self) -> bool {
        let mut state = self.lock();
        let is_stale = state.is_stale();
        state.prompt_is_up &= !is_stale;
        is_stale
    }

    /// The prompt is over. What is being put above it is there when this returns, or waits inside of
    /// the editor for the next one.
    pub(crate) fn prompt_closed(&self) {
        let mut state = self.lock();
        state.prompt_is_up = false;
        drop(self.changed.wait_timeout_while(state, PROMPT_CLOSE_MAX, |state| state.is_printing));
    }

    /// The prompt was drawn, below all that was put above it before.
    pub(crate) fn note_drawn(&self) {
        self.lock().drawn += 1;
        self.changed.notify_all();
    }

    /// Takes everything, as soon as there is something and a prompt to put it above.
    fn take(&self) -> (NoticeBatch, u64) {
        let is_idle = |state: &mut QueueState| {
            let has_news = !state.waiting.is_empty() || state.left_out > 0;
            !state.prompt_is_up || !has_news && (state.is_redraw_requested || !state.is_stale())
        };
        let mut state = self.wait_while(is_idle);
        state.is_redraw_requested = true;
        let notices = state.waiting.drain(..).collect();
        let left_out = std::mem::take(&mut state.left_out);
        (NoticeBatch { notices, left_out }, state.generation)
    }

    /// Puts the text of a batch above the prompt, once there is one; says whether it came to that.
    fn print_above_prompt(
        &self,
        (batch, generation): (&NoticeBatch, u64),
        render: impl Fn(&NoticeBatch) -> String,
        print: &mut Print,
    ) -> bool {
        let mut state =
            self.wait_while(|state| !state.prompt_is_up && state.generation == generation);
        if state.generation != generation {
            return false;
        }
        // Only now: the terminal may have become narrower meanwhile, and what is too wide would be broken by it.
        let mut text = render(batch);
        if text.is_empty() {
            text = REDRAW.to_owned();
        }
        state.is_printing = true;
        let drawn = state.drawn;
        // The editor takes the lock to draw.
        drop(state);
        let printed = print(text);
        self.lock().is_printing = false;
        self.changed.notify_all();
        // The editor has the text now. While a menu is open it keeps it back.
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
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl QueueState {
    fn is_stale(&self) -> bool {
        self.shown_text != self.prompt_text
    }

    /// Receipts of one kind that come together are one line.
    fn add_receipt(&mut self, stage: Stage, new: Vec<MessageId>) {
        match self.waiting.back_mut() {
            Some(Notice::Receipt { stage: last, messages }) if *last == stage => {
                messages.extend(new);
            }
            _ => self.waiting.push_back(Notice::Receipt { stage, messages: new }),
        }
    }

    fn has_seen(&self, id: &MessageId) -> bool {
        self.seen.contains(id)
    }
}

/// Prints whole lines above the prompt; says whether that was possible.
pub(crate) type Print = dyn FnMut(String) -> bool + Send;

/// Starts the thread that prints what is posted, and tells of what was `shown`. It is the only one
/// that waits for the terminal, and lives as long as the program.
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

/// The messages of a batch.
fn messages(batch: NoticeBatch) -> Vec<ReceivedMessage> {
    let messages = batch.notices.into_iter().filter_map(|notice| match notice {
        Notice::Message(message) => Some(message),
        Notice::Text(_) | Notice::Late(_) | Notice::Receipt { .. } => None,
    });
    messages.collect()
}

#[cfg(test)]
mod tests;
