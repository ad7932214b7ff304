//! The error of a command, for people and scripts.

use qchat_client::{CallError, ConnectError, PinError, ServerAddresses};
use qchat_proto::{Code, Refusal, TextError};

use crate::exit::Exit;

/// The result of a command.
pub(crate) type CommandResult<T> = Result<T, CommandError>;

/// The reason why a command was not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CommandError {
    /// The code, for scripts.
    pub(crate) code: Code,
    /// The text, for people. It may hold text of somebody else.
    pub(crate) text: String,
    /// The exit status of the program, if nothing worse happens.
    pub(crate) exit: Exit,
}

impl CommandError {
    /// The client itself refuses the command.
    pub(crate) fn refused(code: Code, text: impl Into<String>) -> Self {
        Self { code, text: text.into(), exit: Exit::Refused }
    }

    /// There is no connection to the server.
    pub(crate) fn unreachable(text: impl Into<String>) -> Self {
        Self { code: Code::Unreachable, text: text.into(), exit: Exit::NoServer }
    }

    /// No server answers.
    pub(crate) fn no_server(server: &ServerAddresses) -> Self {
        Self::unreachable(format!("no qchat server answers at {server} (UDP)"))
    }

    /// The command may or may not have been executed.
    pub(crate) fn outcome_unknown(text: impl Into<String>) -> Self {
        Self { code: Code::OutcomeUnknown, text: text.into(), exit: Exit::Unknown }
    }

    /// A line with `&` was given without a prompt.
    pub(crate) fn no_background() -> Self {
        let text = "transfers go on in the background only at the prompt; leave the & out, or quote it if \
                    it belongs to a name";
        Self::refused(Code::Usage, text)
    }

    /// Without a prompt there are no transfers in the background.
    pub(crate) fn no_transfers() -> Self {
        let text = "transfers go on in the background only at the prompt: start qchat client without a command";
        Self::refused(Code::Usage, text)
    }
}

impl From<TextError> for CommandError {
    fn from(error: TextError) -> Self {
        let code = match error {
            TextError::Empty => Code::EmptyMessage,
            TextError::TooLarge(_) => Code::TooLarge,
        };
        Self::refused(code, error.to_string())
    }
}

impl From<Refusal> for CommandError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::OutcomeUnknown(_) => Self::outcome_unknown(refusal.to_string()),
            _ => Self::refused(refusal.code(), refusal.to_string()),
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
                Self::refused(error.code(), error.to_string())
            }
        }
    }
}

impl From<ConnectError> for CommandError {
    fn from(error: ConnectError) -> Self {
        let (code, exit) = match error {
            ConnectError::Unreachable { server, .. } => return Self::no_server(&server),
            ConnectError::Resolve { .. } if !error.is_transient() => {
                (Code::NoAddress, Exit::NoServer)
            }
            ConnectError::Wildcard { .. } => (Code::NoAddress, Exit::NoServer),
            ConnectError::Handshake { .. } if !error.is_transient() => {
                (Code::NoAgreement, Exit::NoServer)
            }
            ConnectError::Local(_) => (Code::LocalNetwork, Exit::NoServer),
            ConnectError::Identity(_) => (Code::Identity, Exit::NoServer),
            ConnectError::Pins(PinError::Damaged { .. } | PinError::Read { .. })
            | ConnectError::Authority { .. } => (Code::LocalFile, Exit::Usage),
            _ => (Code::Unreachable, Exit::NoServer),
        };
        Self { code, text: error.to_string(), exit }
    }
}
