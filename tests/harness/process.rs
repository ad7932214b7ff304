//! A running program whose output is read all the time, and which ends with its owner.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};

use super::DEADLINE;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pipe {
    Output,
    Error,
}

/// A program that runs. Dropping it kills it.
pub(crate) struct Running {
    child: Child,
    input: Option<Sender<Vec<u8>>>,
    lines: Receiver<(Pipe, Option<Vec<u8>>)>,
    output: Pending,
    error: Pending,
}

/// What was read from a pipe and not asked for yet.
#[derive(Default)]
struct Pending {
    lines: VecDeque<Vec<u8>>,
    ended: bool,
}

/// What a program leaves behind.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Its exit status; `None` where a signal ended it.
    pub(crate) status: Option<i32>,
    /// What it wrote that nobody had asked for yet.
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
        Self { child, input: Some(input), lines, output, error }
    }

    /// Writes to the program's standard input, without waiting until it reads.
    pub(crate) fn write(&self, bytes: &[u8]) {
        let input = self.input.as_ref().expect("standard input is open");
        // A program that has ended reads no more; what it said tells why.
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

    /// What was written and not asked for, for a failing test to show.
    fn unread(&self) -> String {
        let show = |lines: &VecDeque<Vec<u8>>| {
            lines.iter().map(|line| String::from_utf8_lossy(line) + "\n").collect::<String>()
        };
        format!("output:\n{}error:\n{}", show(&self.output.lines), show(&self.error.lines))
    }

    /// Its process id.
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
        // Both pipes are closed: the program is at its end.
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

/// Reads a pipe to its end in a thread of its own, so that the program never waits for us.
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

/// Writes to a pipe in a thread of its own, so that we never wait for the program.
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
