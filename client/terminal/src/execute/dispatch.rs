//! Runs one command on a connection that is open.

mod download;
mod send_file;
mod send_files;

use qchat_client::{Client, HistoryQuery, Refusal};
use qchat_proto::command::{Log, Selection};
use qchat_proto::{Code, MessageText};

use crate::command::{Command, CommandEntry, HistoryArguments, ParseError};
use crate::error::{CommandError, CommandResult};
use crate::execute::options::ExecOptions;
use crate::outcome::{Outcome, Page};
use crate::output::results;

/// Runs a command that does not change the session.
///
/// # Errors
/// [`CommandError`]: the command was refused, or its outcome is unknown.
///
/// # Cancel safety
/// Not cancel safe: the outcome is then unknown.
pub(crate) async fn dispatch(
    client: &Client,
    command: &Command,
    options: &ExecOptions,
) -> CommandResult<Outcome> {
    let run = Run { client, options };
    let time = &options.time;
    match command {
        Command::Send { to, text, .. } => {
            let text = MessageText::try_from(text.clone())?;
            time.change(client.send(to.clone(), text)).await.map(Outcome::Sent)
        }
        Command::SendFile { to, files, .. } => run.send_files(to, files).await,
        Command::Download { log, name } => run.download(log, name).await,
        Command::History(wanted) => run.history(wanted).await,
        Command::Users => Ok(Outcome::shown(results::Users(time.query(client.users()).await?))),
        Command::Groups => Ok(Outcome::shown(results::Groups(time.query(client.groups()).await?))),
        Command::Members(group) => {
            let members = time.query(client.members(group.clone())).await?;
            Ok(Outcome::shown(results::Members(members)))
        }
        Command::MakeGroup(group) => {
            time.change(client.make_group(group.clone())).await.map(Outcome::MadeGroup)
        }
        Command::Join(group) => time.change(client.join(group.clone())).await.map(Outcome::Joined),
        Command::Sessions => {
            Ok(Outcome::shown(results::Sessions(time.query(client.sessions()).await?)))
        }
        Command::WhoAmI => {
            let user = client.user().ok_or(Refusal::NotLoggedIn)?;
            let (server, key) = (client.server().clone(), client.server_key());
            let sessions = results::Sessions(time.query(client.sessions()).await?);
            Ok(Outcome::shown(results::WhoAmI { user, server, key, sessions }))
        }
        Command::RevokeSession(id) => {
            let revoked = time.change(client.revoke_session(*id)).await;
            revoked.map(|()| Outcome::Revoked(*id))
        }
        Command::Leave(group) => time.change(client.leave(group.clone())).await.map(Outcome::Left),
        Command::Help(verb) => Ok(Outcome::Help(*verb)),
        // The executor and the prompt run these.
        Command::Register { .. }
        | Command::Login { .. }
        | Command::Logout
        | Command::LogoutEverywhere
        | Command::ChangePassword(_)
        | Command::FromInput(_)
        | Command::Background(_)
        | Command::Transfers
        | Command::StopTransfer(_)
        | Command::Quit => Ok(Outcome::Quit),
    }
}

/// One run of a command.
struct Run<'a> {
    client: &'a Client,
    options: &'a ExecOptions,
}

impl Run<'_> {
    async fn history(&self, wanted: &HistoryArguments) -> CommandResult<Outcome> {
        let reader = self.client.user().ok_or(Refusal::NotLoggedIn)?;
        let before = wanted.before(&reader).map_err(|why| another_log(wanted, &why))?;
        let HistoryArguments { log, selection, from, .. } = wanted;
        let query =
            HistoryQuery { log: log.clone(), selection: *selection, from: from.clone(), before };
        let answer = self.options.time.query(self.client.history(query)).await?;
        let unbroken = match selection {
            Selection::UnreadAndNewest(newest) => usize::try_from(*newest).unwrap_or(usize::MAX),
            _ => usize::MAX,
        };
        Ok(Outcome::History(Page {
            unbroken: unbroken.min(answer.messages.len()),
            log: log.clone(),
            messages: answer.messages,
            more: answer.more,
            again: wanted.to_string(),
        }))
    }
}

fn another_log(wanted: &HistoryArguments, why: &str) -> CommandError {
    let name = match wanted.log {
        Log::Inbox => "inbox",
        Log::Group(_) => "inboxgroup",
    };
    let usage = CommandEntry::named(name).map(|entry| ParseError::usage(entry, why));
    usage.map_or_else(|| CommandError::refused(Code::Usage, why), CommandError::from)
}
