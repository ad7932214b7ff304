//! The prompt, for people.

use std::sync::Arc;

use crate::board::Board;
use crate::exit::Exit;
use crate::home::Home;
use crate::live::Live;
use crate::shell::{Outcome, Shell};
use crate::typed_lines::{Prompter, Typed};

/// Connects, greets, and runs what is typed until nobody wants to go on.
///
/// # Errors
/// Where the terminal cannot be used.
pub(crate) async fn run(mut shell: Shell, home: Option<Home>) -> anyhow::Result<Exit> {
    if let Err(failure) = shell.start().await {
        shell.output().failure(&failure);
        shell.close().await;
        return Ok(failure.exit);
    }
    let greeting = format!("connected to {}; help lists the commands", shell.server());
    shell.output().notice(&greeting);
    let board = Arc::<Board>::default();
    let history = home.as_ref().map(Home::history_file);
    let (mut prompter, print) = Prompter::start(history, Arc::clone(&board))?;
    let outboxes = home.as_ref().map(Home::outboxes);
    let mut live = print.map(|print| Live::new(Arc::clone(&board), print, outboxes));
    loop {
        board.set_prompt(shell.prompt());
        match ask(&mut prompter, &mut shell, live.as_mut()).await {
            Typed::Nothing => {}
            Typed::End => {
                // The shell's prompt of who started us belongs on a line of its own.
                shell.output().notice("");
                break;
            }
            Typed::Line { text, columns } => {
                shell.output().set_columns(columns);
                if execute(&mut shell, live.as_mut(), &text).await == Next::End {
                    break;
                }
            }
        }
    }
    if let Some(live) = live {
        live.finish(&mut shell).await;
    }
    shell.finish().await;
    Ok(Exit::Done)
}

/// Shows the prompt and waits for a line. Meanwhile what others say is shown above it.
async fn ask(prompter: &mut Prompter, shell: &mut Shell, live: Option<&mut Live>) -> Typed {
    let Some(live) = live else {
        prompter.show();
        return prompter.typed().await;
    };
    live.follow(shell);
    prompter.show();
    let typed = tokio::select! {
        typed = prompter.typed() => typed,
        never = live.attend(shell) => match never {},
    };
    shell.restoring_is_broken_off();
    typed
}

#[derive(PartialEq, Eq)]
enum Next {
    Line,
    End,
}

/// Runs a line until it ends, or until Ctrl-C breaks it off.
async fn execute(shell: &mut Shell, live: Option<&mut Live>, line: &str) -> Next {
    let executing = async {
        match live {
            Some(live) => live.enter(shell, line).await,
            None => shell.execute(line).await,
        }
    };
    let outcome = tokio::select! {
        outcome = executing => Some(outcome),
        _ = tokio::signal::ctrl_c() => None,
    };
    match outcome {
        None => shell.cancelled(),
        Some(Outcome::Quit | Outcome::OutputClosed(_)) => return Next::End,
        Some(Outcome::Done | Outcome::Failed(_)) => {}
    }
    Next::Line
}
