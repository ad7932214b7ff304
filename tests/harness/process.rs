//! A child process. Its output is read all the time, and it ends with its owner.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::DEADLINE;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pipe {
    Output,
    Error,
}

/// A running program. Dropping this value kills the program and waits for its end.
pub(crate) struct Running {
    child: Child,
    input: Option<Sender<Vec<u8>>>,
    lines: Receiver<(Pipe, Option<Vec<u8>>)>,
    output: Pending,
    error: Pending,
    /// Removed after the program has ended, not while it writes there.
    folder: Option<Arc<TempDir>>,
}

/// Lines that were read from a pipe and not returned yet.
#[derive(Default)]
struct Pending {
    lines: VecDeque<Vec<u8>>,
    ended: bool,
}

/// The exit status and the remaining output of a program.
#[derive(Debug)]
pub(crate) struct Ended {
    /// `None` if a signal ended the program.
    pub(crate) status: Option<i32>,
    /// The lines that no caller has read before.
    pub(crate) output: String,
    pub(crate) error: String,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let (sender, lines) = mpsc::channel();
        read_lines(child.stdout.take().unwrap(), Pipe::Output, sender.clone());
        read_lines(child.stderr.take().unwrap(), Pipe::Error, sender);
        let input = write_pieces(child.stdin.take().unwrap());
        let [output, error] = [Pending::default(), Pending::default()];
        Self { child, input: Some(input), lines, output, error, folder: None }
    }

    /// Starts a program that writes into a temporary folder, and keeps the folder until it has ended.
    pub(crate) fn start_in(folder: Arc<TempDir>, command: &mut Command) -> Self {
        let mut running = Self::start(command);
        running.folder = Some(folder);
        running
    }

    /// Writes to the program's standard input, without waiting until it reads.
    pub(crate) fn write(&self, bytes: &[u8]) {
        let input = self.input.as_ref().expect("standard input is open");
        // A program that has ended reads no more; its output tells the reason.
        let _ = input.send(bytes.to_vec());
    }

    /// The next line of standard output, without its end; `None` at the end of all output.
    pub(crate) fn output_line(&mut self) -> Option<String> {
        self.line(Pipe::Output)
    }

    /// The next line of standard error.
    pub(crate) fn error_line(&mut self) -> Option<String> {
        self.line(Pipe::Error)
    }

    fn line(&mut self, pipe: Pipe) -> Option<String> {
        let until = Instant::now() + DEADLINE;
        loop {
            let pending = self.pending(pipe);
            if let Some(line) = pending.lines.pop_front() {
                return Some(String::from_utf8(line).expect("the program writes UTF-8"));
            }
            if pending.ended {
                return None;
            }
            self.read(until);
        }
    }

    fn pending(&mut self, pipe: Pipe) -> &mut Pending {
        match pipe {
            Pipe::Output => &mut self.output,
            Pipe::Error => &mut self.error,
        }
    }

    /// Waits for one line of either pipe.
    fn read(&mut self, until: Instant) {
        let left = until.saturating_duration_since(Instant::now());
        let Ok((pipe, line)) = self.lines.recv_timeout(left) else {
            let _ = self.child.kill();
            panic!("nothing came in {DEADLINE:?}; {}", self.unread());
        };
        match line {
            Some(line) => self.pending(pipe).lines.push_back(line),
            None => self.pending(pipe).ended = true,
        }
    }

    /// The output that no caller has read, for the message of a failing test.
    fn unread(&self) -> String {
        let show = |lines: &VecDeque<Vec<u8>>| {
            lines.iter().map(|line| String::from_utf8_lossy(line) + "\n").collect::<String>()
        };
        format!("output:\n{}error:\n{}", show(&self.output.lines), show(&self.error.lines))
    }

    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).expect("the program runs");
    }

    /// Closes standard input and waits until the program has ended.
    pub(crate) fn finish(mut self) -> Ended {
        self.input = None;
        let until = Instant::now() + DEADLINE;
        while !(self.output.ended && self.error.ended) {
            self.read(until);
        }
        // Both pipes are closed, so the program is about to exit.
        let status = self.child.wait().expect("the program can be waited for");
        let text = |pending: &mut Pending| {
            let lines = pending.lines.drain(..).map(|line| String::from_utf8(line).unwrap() + "\n");
            lines.collect()
        };
        let ended = Ended {
            status: status.code(),
            output: text(&mut self.output),
            error: text(&mut self.error),
        };
        assert_ne!(status.signal(), Some(6), "the program aborted: {ended:?}");
        assert!(!ended.error.contains("panicked at"), "the program panicked: {ended:?}");
        ended
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads a pipe to its end in a thread, so that the program never blocks on a full pipe.
fn read_lines(
    pipe: impl Read + Send + 'static,
    name: Pipe,
    lines: Sender<(Pipe, Option<Vec<u8>>)>,
) {
    thread::spawn(move || {
        for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
            let _ = lines.send((name, Some(line)));
        }
        let _ = lines.send((name, None));
    });
}

/// Writes to a pipe in a thread, so that the test never blocks on a full pipe.
fn write_pieces(mut pipe: impl Write + Send + 'static) -> Sender<Vec<u8>> {
    let (sender, pieces) = mpsc::channel::<Vec<u8>>();
    thread::spawn(move || {
        for piece in pieces {
            if pipe.write_all(&piece).and_then(|()| pipe.flush()).is_err() {
                break;
            }
        }
    });
    sender
}
