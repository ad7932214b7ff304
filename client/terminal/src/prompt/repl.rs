//! The prompt, for people.

use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use crate::command::Input;
use crate::command::parse;
use crate::config::Home;
use crate::execute::{Outcome, Shell};
use crate::exit::Exit;
use crate::output::NoEcho;
use crate::output::note_change;
use crate::output::tell;
use crate::prompt::editor::{Prompter, Typed};
use crate::prompt::live::Live;
use crate::prompt::notices::Board;

/// The kinds of terminals at which the editor takes lines as they are.
const PLAIN: [&str; 3] = ["dumb", "cons25", "emacs"];

/// A person who sees nothing for so long wonders whether their line was taken.
const DELAY_WORTH_A_WORD: Duration = Duration::from_secs(1);

/// Connects, greets, and runs what is typed until nobody wants to go on. A server that is down is waited for
/// at the prompt.
///
/// # Errors
/// Where the terminal cannot be used.
pub(crate) async fn run(mut shell: Shell, home: Option<Home>) -> anyhow::Result<Exit> {
    let greeting = match shell.start().await {
        Ok(_) => format!("connected to {}; help lists the commands", shell.server()),
        Err(failure) if failure.is_of_the_link() => {
            format!("{}; the prompt is offline; help lists the commands", failure.text)
        }
        Err(failure) => {
            shell.output().failure(&failure);
            shell.close().await;
            return Ok(failure.exit);
        }
    };
    shell.output().notice(&greeting);
    let board = Arc::<Board>::default();
    let history = home.as_ref().map(Home::history_file);
    let (mut prompter, print) = Prompter::start(history, Arc::clone(&board))?;
    let outboxes = home.as_ref().map(Home::outboxes);
    let mut live = Live::new(Arc::clone(&board), print, outboxes);
    if !shell.is_connected() && !shell.rests() {
        live.begin_offline();
    }
    note_change();
    loop {
        board.set_prompt(shell.prompt());
        match ask(&mut prompter, &mut shell, &mut live).await {
            Typed::Nothing => {}
            Typed::End => {
                // The shell's prompt of who started us belongs on a line of its own.
                shell.output().notice("");
                break;
            }
            Typed::Line { text, columns } => {
                shell.output().set_columns(columns);
                if execute(&mut shell, &mut live, &text).await == Next::End {
                    break;
                }
            }
        }
    }
    live.finish(&mut shell).await;
    shell.finish().await;
    Ok(Exit::Done)
}

/// Shows the prompt and waits for a line. Meanwhile what others say is shown above it.
async fn ask(prompter: &mut Prompter, shell: &mut Shell, live: &mut Live) -> Typed {
    live.follow(shell);
    prompter.show();
    let typed = tokio::select! {
        typed = prompter.typed() => typed,
        never = live.attend(shell) => match never {},
    };
    shell.restoring_is_broken_off();
    typed
}

/// Says once that the server takes its time.
async fn tell_delay() -> Infallible {
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
enum Next {
    Line,
    End,
}

/// Runs a line until it ends, or until Ctrl-C breaks it off.
async fn execute(shell: &mut Shell, live: &mut Live, line: &str) -> Next {
    let is_brief = parse(Input::line(line)).is_ok_and(|line| line.is_brief());
    // The next prompt shows what is typed meanwhile.
    let _silent = is_drawn().then(NoEcho::begin);
    let outcome = tokio::select! {
        outcome = live.enter(shell, line) => Some(outcome),
        never = tell_delay(), if is_brief => match never {},
        _ = tokio::signal::ctrl_c() => None,
    };
    match outcome {
        None => shell.cancelled(),
        Some(Outcome::Quit | Outcome::OutputClosed(_)) => return Next::End,
        Some(Outcome::Done | Outcome::Failed(_)) => {}
    }
    Next::Line
}
