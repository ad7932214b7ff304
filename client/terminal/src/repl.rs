//! The prompt, for people.

use std::path::PathBuf;

use crate::exit::Exit;
use crate::shell::{Outcome, Shell};
use crate::typed_lines::{Prompter, Typed};

/// Connects, greets, and runs what is typed until nobody wants to go on.
///
/// # Errors
/// Where the terminal cannot be used.
pub(crate) async fn run(mut shell: Shell, history: Option<PathBuf>) -> anyhow::Result<Exit> {
    if let Err(failure) = shell.start().await {
        shell.output().failure(&failure);
        shell.close().await;
        return Ok(failure.exit);
    }
    let greeting = format!("connected to {}; help lists the commands", shell.server());
    shell.output().notice(&greeting);
    let mut prompter = Prompter::start(history)?;
    loop {
        match prompter.ask(shell.prompt()).await {
            Typed::Nothing => {}
            Typed::End => {
                // The shell's prompt of who started us belongs on a line of its own.
                shell.output().notice("");
                break;
            }
            Typed::Line { text, columns } => {
                shell.output().set_columns(columns);
                if execute(&mut shell, &text).await == Next::End {
                    break;
                }
            }
        }
    }
    shell.finish().await;
    Ok(Exit::Done)
}

#[derive(PartialEq, Eq)]
enum Next {
    Line,
    End,
}

/// Runs a line until it ends, or until Ctrl-C breaks it off.
async fn execute(shell: &mut Shell, line: &str) -> Next {
    let outcome = tokio::select! {
        outcome = shell.execute(line) => Some(outcome),
        _ = tokio::signal::ctrl_c() => None,
    };
    match outcome {
        None => shell.cancelled(),
        Some(Outcome::Quit | Outcome::OutputClosed(_)) => return Next::End,
        Some(Outcome::Done | Outcome::Failed(_)) => {}
    }
    Next::Line
}
