//! Messages, groups, receipts, watching and bots.

mod echo_bot;
mod groups;
mod inbox;
mod listen;
mod many_texts;
mod receipts;
mod sending;
mod text_is_exact;
mod watch;
