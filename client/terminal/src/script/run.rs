//! Lines without a person: one command, lines of `-c`, or standard input.

mod texts;

use std::collections::VecDeque;
use std::io;

use qchat_proto::Code;
use tokio::sync::mpsc;

use crate::command::{Input, bounded, parse};
use crate::error::CommandError;
use crate::execute::{Executor, LineStatus};
use crate::exit::Exit;
use crate::script::stdin_lines::{RawLine, read_standard_input};
use texts::ScriptTexts;

/// The source of the lines.
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

/// The choice after a failed line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AfterFailure {
    GoOn,
    Stop,
}

/// Runs the lines, closes the connection, and returns the worst result. Ctrl-C breaks off.
pub(crate) async fn run(mut executor: Executor, lines: Lines, after_failure: AfterFailure) -> Exit {
    let texts = ScriptTexts::default();
    let mut script = Script { executor: &mut executor, texts, worst: Exit::Done, after_failure };
    let running = async {
        script.run(lines).await;
        script.worst
    };
    tokio::select! {
        worst = running => {
            executor.finish().await;
            worst
        }
        // Answers that are still to come are lost.
        _ = tokio::signal::ctrl_c() => {
            executor.break_off().await;
            Exit::Interrupted
        }
    }
}

struct Script<'a> {
    executor: &'a mut Executor,
    texts: ScriptTexts,
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
                let outcome = self.executor.run_input(Input::Arguments(&words)).await;
                self.after(outcome);
            }
            Lines::Given(lines) => {
                let lines = lines.into_iter().map(|line| Ok(RawLine::Text(line)));
                self.run_all(&mut Source::Given(lines.collect())).await;
            }
            Lines::Read(lines) => self.run_all(&mut Source::Read(lines)).await,
        }
    }

    /// Begins each line as soon as it is read, and reports the texts under way as they are answered.
    async fn run_all(&mut self, lines: &mut Source) {
        loop {
            let next = tokio::select! {
                line = lines.next(), if self.texts.has_room() => match line {
                    Some(line) => self.read(line).await,
                    None => break,
                },
                answer = self.texts.answered() => {
                    let told = self.texts.report_first(self.executor, answer).await;
                    self.after_all(told)
                }
            };
            if next == Next::End {
                return;
            }
        }
        self.report_texts().await;
    }

    async fn report_texts(&mut self) -> Next {
        let told = self.texts.report_all(self.executor).await;
        self.after_all(told)
    }

    fn after_all(&mut self, told: Option<LineStatus>) -> Next {
        told.map_or(Next::Line, |outcome| self.after(outcome))
    }

    async fn read(&mut self, line: io::Result<RawLine>) -> Next {
        if let Ok(RawLine::Text(text)) = &line
            && self.after_failure == AfterFailure::GoOn
            && let Ok(line) = parse(Input::line(text))
            && line.text().is_some()
        {
            let command = Input::line(text).first_word();
            let told = self.texts.begin(self.executor, command, line).await;
            return self.after_all(told);
        }
        // Any other line waits for the answers to the texts before it.
        match self.report_texts().await {
            Next::Line => self.run_alone(line).await,
            Next::End => Next::End,
        }
    }

    async fn run_alone(&mut self, line: io::Result<RawLine>) -> Next {
        let outcome = match line {
            Ok(RawLine::Text(text)) => self.executor.run_line(&text).await,
            Ok(RawLine::TooLong { start }) => {
                let word = bounded(Input::Line(&start).first_word());
                let text = format!("the line that begins with {word} is too long");
                let failure = CommandError::refused(Code::TooLarge, text);
                self.executor.refuse(&start, failure).await
            }
            Ok(RawLine::NotUtf8 { start }) => {
                let word = bounded(Input::Line(&start).first_word());
                let text = format!("the line that begins with {word} is not UTF-8");
                let failure = CommandError::refused(Code::Usage, text);
                self.executor.refuse(&start, failure).await
            }
            Err(error) => {
                let text = format!("error: standard input cannot be read: {error}");
                self.executor.output().notice(&text);
                self.worst = self.worst.max(Exit::Usage);
                return Next::End;
            }
        };
        self.after(outcome)
    }

    fn after(&mut self, outcome: LineStatus) -> Next {
        match outcome {
            LineStatus::Done => Next::Line,
            LineStatus::Quit => Next::End,
            LineStatus::Failed(exit) => {
                self.worst = self.worst.max(exit);
                match self.after_failure {
                    AfterFailure::GoOn => Next::Line,
                    AfterFailure::Stop => Next::End,
                }
            }
            LineStatus::OutputClosed(error) => {
                // A reader that has ended on purpose is no error.
                if error.kind() != io::ErrorKind::BrokenPipe {
                    self.executor
                        .output()
                        .notice(&format!("error: results cannot be written: {error}"));
                    self.worst = self.worst.max(Exit::Refused);
                }
                Next::End
            }
        }
    }
}

/// The lines, one after the other.
enum Source {
    Given(VecDeque<io::Result<RawLine>>),
    Read(mpsc::Receiver<io::Result<RawLine>>),
}

impl Source {
    /// The next line.
    ///
    /// # Cancel safety
    /// Cancel safe.
    async fn next(&mut self) -> Option<io::Result<RawLine>> {
        match self {
            Self::Given(lines) => lines.pop_front(),
            Self::Read(lines) => lines.recv().await,
        }
    }
}
