//! Notices: lines that appear at a prompt without a command.

use qchat_client::UserName;
use qchat_proto::command::Log;
use qchat_proto::{Message, MessageId, Stage};

use crate::error::CommandResult;
use crate::outcome::Outcome;

/// One notice.
#[derive(Debug)]
pub(crate) enum Notice {
    /// A message of somebody else.
    Message(ReceivedMessage),
    /// A remark of the client.
    Text(String),
    /// The result of a line that was sent later than it was typed, or in the background.
    Late(LateResult),
    /// Messages of this user have reached a stage.
    Receipt { stage: Stage, messages: Vec<MessageId> },
}

/// A line that ran later than it was typed, with its result.
#[derive(Debug)]
pub(crate) struct LateResult {
    pub(crate) line: String,
    pub(crate) result: CommandResult<Outcome>,
}

/// A message of somebody else, as a watch reported it.
#[derive(Debug, Clone)]
pub(crate) struct ReceivedMessage {
    /// The user who was signed in.
    pub(crate) reader: UserName,
    /// The log that holds the message for this user.
    pub(crate) log: Log,
    pub(crate) message: Message,
}

/// The notices that are printed at once.
#[derive(Debug, Default)]
pub(crate) struct NoticeBatch {
    pub(crate) notices: Vec<Notice>,
    /// How many later messages were only counted.
    pub(crate) left_out: usize,
}
