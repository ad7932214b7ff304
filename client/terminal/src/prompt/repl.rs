//! The prompt, for people.

use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use crate::command::{Input, parse};
use crate::config::UserFolders;
use crate::execute::{Executor, LineStatus};
use crate::exit::Exit;
use crate::output::{NoEcho, note_change, tell};
use crate::prompt::editor::{EditorHandle, PromptInput};
use crate::prompt::live::LiveSession;
use crate::prompt::notices::NoticeQueue;

/// The kinds of terminals at which the editor takes lines as they are.
const PLAIN: [&str; 3] = ["dumb", "cons25", "emacs"];

/// A person who sees nothing for so long wonders whether their line was taken.
const DELAY_WORTH_A_WORD: Duration = Duration::from_secs(1);

/// Connects, greets, and runs what is typed until nobody wants to go on. A server that is down is waited for
/// at the prompt.
///
/// # Errors
/// Where the terminal cannot be used.
pub(crate) async fn run(mut executor: Executor, home: Option<UserFolders>) -> anyhow::Result<Exit> {
    let greeting = match executor.start().await {
        Ok(_) => format!("connected to {}; help lists the commands", executor.server()),
        Err(failure) if failure.code.is_connection_lost() => {
            format!("{}; the prompt is offline; help lists the commands", failure.text)
        }
        Err(failure) => {
            executor.output().failure(&failure);
            executor.close().await;
            return Ok(failure.exit);
        }
    };
    executor.output().notice(&greeting);
    let notices = Arc::<NoticeQueue>::default();
    let history = home.as_ref().map(UserFolders::history_file);
    let (mut prompter, print) = EditorHandle::start(history, Arc::clone(&notices))?;
    let outboxes = home.as_ref().map(UserFolders::outboxes);
    let mut live = LiveSession::new(Arc::clone(&notices), print, outboxes);
    if !executor.is_connected() && !executor.closed_idle() {
        live.begin_offline();
    }
    note_change();
    loop {
        match ask(&mut prompter, &mut executor, &mut live).await {
            PromptInput::Cancelled => {}
            PromptInput::End => {
                // The shell's prompt of who started us belongs on a line of its own.
                executor.output().notice("");
                break;
            }
            PromptInput::Line { text, columns } => {
                executor.output().set_columns(columns);
                if run_typed_line(&mut executor, &mut live, &text).await == AfterLine::End {
                    break;
                }
            }
        }
    }
    live.finish(&mut executor).await;
    executor.finish().await;
    Ok(Exit::Done)
}

/// Shows the prompt and waits for a line. Meanwhile what others say is shown above it.
async fn ask(
    prompter: &mut EditorHandle,
    executor: &mut Executor,
    live: &mut LiveSession,
) -> PromptInput {
    live.follow(executor);
    prompter.show();
    let typed = tokio::select! {
        typed = prompter.input() => typed,
        never = live.attend(executor) => match never {},
    };
    executor.restore_cancelled();
    typed
}

/// Says once that the server takes its time.
async fn announce_delay() -> Infallible {
    sleep(DELAY_WORTH_A_WORD).await;
    tell("waiting for the server; Ctrl-C stops waiting");
    pending().await
}

/// Whether the editor draws the line itself. Other terminals show what is typed.
fn is_drawn() -> bool {
    let is_plain = |term: &String| PLAIN.iter().any(|plain| plain.eq_ignore_ascii_case(term));
    !std::env::var("TERM").is_ok_and(|term| is_plain(&term))
}

#[derive(PartialEq, Eq)]
enum AfterLine {
    Line,
    End,
}

/// Runs a line until it ends, or until Ctrl-C breaks it off.
async fn run_typed_line(executor: &mut Executor, live: &mut LiveSession, line: &str) -> AfterLine {
    let is_brief = parse(Input::line(line)).is_ok_and(|line| line.is_brief());
    // The next prompt shows what is typed meanwhile.
    let _silent = is_drawn().then(NoEcho::begin);
    let outcome = tokio::select! {
        outcome = live.enter(executor, line) => Some(outcome),
        never = announce_delay(), if is_brief => match never {},
        _ = tokio::signal::ctrl_c() => None,
    };
    match outcome {
        None => executor.cancelled(),
        Some(LineStatus::Quit | LineStatus::OutputClosed(_)) => return AfterLine::End,
        Some(LineStatus::Done | LineStatus::Failed(_)) => {}
    }
    AfterLine::Line
}
