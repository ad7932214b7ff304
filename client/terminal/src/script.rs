//! Lines without a person: one command, lines of `-c`, or standard input.

use std::io;

use tokio::sync::mpsc;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::shell::{Outcome, Shell};
use crate::stdin_lines::{RawLine, read_standard_input};
use crate::words::Input;

/// Where lines come from.
#[derive(Debug)]
pub(crate) enum Lines {
    /// One command, as the shell split it into arguments.
    Command(Vec<String>),
    /// Lines of `-c`.
    Given(Vec<String>),
    /// Standard input.
    Read(mpsc::Receiver<io::Result<RawLine>>),
}

impl Lines {
    /// Begins to read standard input.
    pub(crate) fn of_standard_input() -> Self {
        Self::Read(read_standard_input())
    }
}

/// What happens after a line that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AfterFailure {
    GoOn,
    Stop,
}

/// Runs the lines, says goodbye, and returns the worst that happened. Ctrl-C breaks off.
pub(crate) async fn run(mut shell: Shell, lines: Lines, after_failure: AfterFailure) -> Exit {
    let mut script = Script { shell: &mut shell, worst: Exit::Done, after_failure };
    let running = async {
        script.run(lines).await;
        script.worst
    };
    tokio::select! {
        worst = running => {
            shell.finish().await;
            worst
        }
        // What was on its way is lost; nobody waits for an answer any more.
        _ = tokio::signal::ctrl_c() => {
            shell.close().await;
            Exit::Interrupted
        }
    }
}

struct Script<'a> {
    shell: &'a mut Shell,
    worst: Exit,
    after_failure: AfterFailure,
}

/// Whether there is a next line.
#[derive(PartialEq, Eq)]
enum Next {
    Line,
    End,
}

impl Script<'_> {
    async fn run(&mut self, lines: Lines) {
        match lines {
            Lines::Command(words) => {
                let outcome = self.shell.run(Input::Arguments(&words)).await;
                self.after(outcome);
            }
            Lines::Given(lines) => {
                for line in lines {
                    let outcome = self.shell.execute(&line).await;
                    if self.after(outcome) == Next::End {
                        break;
                    }
                }
            }
            Lines::Read(mut lines) => {
                while let Some(line) = lines.recv().await {
                    if self.read(line).await == Next::End {
                        break;
                    }
                }
            }
        }
    }

    async fn read(&mut self, line: io::Result<RawLine>) -> Next {
        let outcome = match line {
            Ok(RawLine::Text(text)) => self.shell.execute(&text).await,
            Ok(RawLine::TooLong { start }) => {
                let failure = Failure::refused("too_large", "the line is too long");
                self.shell.refuse(&start, failure).await
            }
            Ok(RawLine::NotUtf8 { start }) => {
                let failure = Failure::refused("usage", "the line is not UTF-8");
                self.shell.refuse(&start, failure).await
            }
            Err(error) => {
                let text = format!("error: standard input cannot be read: {error}");
                self.shell.output().notice(&text);
                self.worst = self.worst.max(Exit::Usage);
                return Next::End;
            }
        };
        self.after(outcome)
    }

    fn after(&mut self, outcome: Outcome) -> Next {
        match outcome {
            Outcome::Done => Next::Line,
            Outcome::Quit => Next::End,
            Outcome::Failed(exit) => {
                self.worst = self.worst.max(exit);
                match self.after_failure {
                    AfterFailure::GoOn => Next::Line,
                    AfterFailure::Stop => Next::End,
                }
            }
            Outcome::OutputClosed(error) => {
                // Whoever read the results has seen enough; anything else is worth a word.
                if error.kind() != io::ErrorKind::BrokenPipe {
                    self.shell
                        .output()
                        .notice(&format!("error: results cannot be written: {error}"));
                    self.worst = self.worst.max(Exit::Refused);
                }
                Next::End
            }
        }
    }
}
