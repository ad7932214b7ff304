//! The loop of the prompt: read a line, run it, show the result.

use std::convert::Infallible;
use std::future::pending;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use crate::command::{Input, parse};
use crate::config::UserFolders;
use crate::error::CommandResult;
use crate::execute::{Executor, LineStatus};
use crate::exit::Exit;
use crate::output::{NoEcho, note_change, tell};
use crate::prompt::editor::{EditorHandle, PromptInput};
use crate::prompt::live::LiveSession;
use crate::prompt::notices::NoticeQueue;

/// The values of `TERM` for which the editor reads plain lines, and the terminal echoes them.
const PLAIN: [&str; 3] = ["dumb", "cons25", "emacs"];

/// After this time without an answer, a person wonders whether the line was accepted.
const DELAY_WORTH_A_NOTICE: Duration = Duration::from_secs(1);

/// Connects, and runs typed lines until the end. If the server is down, the prompt opens offline.
///
/// # Errors
/// The terminal cannot be used.
pub(crate) async fn run(mut executor: Executor, home: Option<UserFolders>) -> anyhow::Result<Exit> {
    if let Err(failure) = greet(&mut executor).await {
        executor.output().failure(&failure);
        executor.close().await;
        return Ok(failure.exit);
    }
    let notices = Arc::<NoticeQueue>::default();
    let history = home.as_ref().map(UserFolders::history_file);
    let (mut editor, print) = EditorHandle::start(history, Arc::clone(&notices))?;
    let outboxes = home.as_ref().map(UserFolders::outboxes);
    let mut live = LiveSession::new(notices, print, outboxes);
    if !executor.is_connected() && !executor.closed_idle() {
        live.begin_offline();
    }
    note_change();
    while run_next(&mut editor, &mut executor, &mut live).await.is_continue() {}
    live.finish(&mut executor).await;
    executor.finish().await;
    Ok(Exit::Done)
}

/// Connects, signs in, and says so.
async fn greet(executor: &mut Executor) -> CommandResult<()> {
    let greeting = match executor.start().await {
        Ok(_) => format!("connected to {}; help lists the commands", executor.server_in_words()),
        Err(failure) if failure.code.is_connection_lost() => {
            format!("{}; the prompt is offline; help lists the commands", failure.text)
        }
        Err(failure) => return Err(failure),
    };
    executor.output().notice(&greeting);
    Ok(())
}

/// Reads a line and runs it.
async fn run_next(
    editor: &mut EditorHandle,
    executor: &mut Executor,
    live: &mut LiveSession,
) -> ControlFlow<()> {
    match read_input(editor, executor, live).await {
        PromptInput::Cancelled => ControlFlow::Continue(()),
        PromptInput::End => {
            // The prompt of the shell that started this program belongs on a line of its own.
            executor.output().notice("");
            ControlFlow::Break(())
        }
        PromptInput::Line { text, columns } => {
            executor.output().set_columns(columns);
            run_typed_line(executor, live, &text).await
        }
    }
}

/// Shows the prompt and waits for a line. In the meantime, notices appear above the prompt.
async fn read_input(
    editor: &mut EditorHandle,
    executor: &mut Executor,
    live: &mut LiveSession,
) -> PromptInput {
    live.follow(executor);
    editor.show();
    let input = tokio::select! {
        input = editor.input() => input,
        never = live.attend(executor) => match never {},
    };
    executor.restore_cancelled();
    input
}

/// Runs a line until it ends, or until Ctrl-C cancels it.
async fn run_typed_line(
    executor: &mut Executor,
    live: &mut LiveSession,
    line: &str,
) -> ControlFlow<()> {
    let is_brief = parse(Input::line(line)).is_ok_and(|command| command.is_brief());
    // The editor shows the keys that are typed meanwhile at the next prompt.
    let _silent = is_drawn().then(NoEcho::begin);
    let status = tokio::select! {
        status = live.enter(executor, line) => Some(status),
        never = announce_delay(), if is_brief => match never {},
        _ = tokio::signal::ctrl_c() => None,
    };
    match status {
        None => executor.cancelled(),
        Some(LineStatus::Quit | LineStatus::OutputClosed(_)) => return ControlFlow::Break(()),
        Some(LineStatus::Done | LineStatus::Failed(_)) => {}
    }
    ControlFlow::Continue(())
}

/// Says once that the server takes its time.
async fn announce_delay() -> Infallible {
    sleep(DELAY_WORTH_A_NOTICE).await;
    tell("waiting for the server; Ctrl-C stops waiting");
    pending().await
}

/// Whether the editor draws the line itself. Other terminals echo what is typed.
fn is_drawn() -> bool {
    let is_plain = |term: &String| PLAIN.iter().any(|plain| plain.eq_ignore_ascii_case(term));
    !std::env::var("TERM").is_ok_and(|term| is_plain(&term))
}
