//! Why a line was not done, as it is told to people and scripts.

use qchat_client::{CallError, ConnectError, PinError, ServerAddress};
use qchat_proto::{Refusal, TextError};

use crate::exit::Exit;

/// A failed line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CommandError {
    /// By which scripts know it.
    pub(crate) code: &'static str,
    /// For people. May hold text from outside.
    pub(crate) text: String,
    /// What the program's end says, if nothing worse happens.
    pub(crate) exit: Exit,
}

impl CommandError {
    /// A refusal of our own.
    pub(crate) fn refused(code: &'static str, text: impl Into<String>) -> Self {
        Self { code, text: text.into(), exit: Exit::Refused }
    }

    /// No connection came of it.
    pub(crate) fn unreachable(text: impl Into<String>) -> Self {
        Self { code: "unreachable", text: text.into(), exit: Exit::NoServer }
    }

    /// Nobody answered.
    pub(crate) fn no_server(server: &ServerAddress) -> Self {
        Self::unreachable(format!("no qchat server answers at {server} (UDP)"))
    }

    /// It may or may not have been done.
    pub(crate) fn outcome_unknown(text: impl Into<String>) -> Self {
        Self { code: "outcome_unknown", text: text.into(), exit: Exit::Unknown }
    }

    /// The line is one for people at a prompt.
    pub(crate) fn no_background() -> Self {
        let text = "transfers go on in the background only at the prompt; leave the & out, or quote it where \
                    it belongs to a name";
        Self::refused("usage", text)
    }

    /// The line asks about transfers in the background, and there are none without a prompt.
    pub(crate) fn no_transfers() -> Self {
        let text = "transfers go on in the background only at the prompt: start qchat client without a command";
        Self::refused("usage", text)
    }

    /// Whether the server did not answer, so that another try may go better.
    pub(crate) fn is_connection_lost(&self) -> bool {
        matches!(self.code, "unreachable" | "outcome_unknown")
    }

    /// Whether what failed is nothing that a later line cannot have: a network may be another one by then.
    pub(crate) fn may_pass(&self) -> bool {
        self.is_connection_lost()
            || matches!(self.code, "no_address" | "no_agreement" | "local_network")
    }

    /// Whether the line itself is wrong, so that no server was asked.
    pub(crate) fn is_usage(&self) -> bool {
        matches!(self.code, "usage" | "unknown_command")
    }
}

impl From<TextError> for CommandError {
    fn from(error: TextError) -> Self {
        let code = match error {
            TextError::Empty => "empty_message",
            TextError::TooLarge(_) => "too_large",
        };
        Self::refused(code, error.to_string())
    }
}

impl From<Refusal> for CommandError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::OutcomeUnknown(_) => Self::outcome_unknown(refusal.to_string()),
            _ => Self::refused(refusal.code().as_str(), refusal.to_string()),
        }
    }
}

impl From<CallError> for CommandError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Refused(refusal) => refusal.into(),
            CallError::NotSent(_) => Self::unreachable(error.to_string()),
            CallError::OutcomeUnknown(_) => Self::outcome_unknown(error.to_string()),
            CallError::LocalFile { .. } | CallError::Damaged(_) => {
                Self::refused(error.code().as_str(), error.to_string())
            }
        }
    }
}

impl From<ConnectError> for CommandError {
    fn from(error: ConnectError) -> Self {
        let (code, exit) = match error {
            ConnectError::Unreachable { server, .. } => return Self::no_server(&server),
            ConnectError::Resolve { .. } if !error.may_pass() => ("no_address", Exit::NoServer),
            ConnectError::Wildcard { .. } => ("no_address", Exit::NoServer),
            ConnectError::Handshake { .. } if !error.may_pass() => ("no_agreement", Exit::NoServer),
            ConnectError::Local(_) => ("local_network", Exit::NoServer),
            ConnectError::Identity(_) => ("identity", Exit::NoServer),
            ConnectError::Pins(PinError::Damaged { .. } | PinError::Read { .. })
            | ConnectError::Authority { .. } => ("local_file", Exit::Usage),
            _ => ("unreachable", Exit::NoServer),
        };
        Self { code, text: error.to_string(), exit }
    }
}
