//! A client in a pseudo-terminal: keys go in, and a screen shows the output.

use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Instant;

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::client::environment;
use super::{Client, DEADLINE, PROGRAM};

const ROWS: u16 = 40;
const COLUMNS: u16 = 100;

/// The bit of `ECHO` in the local flags of a terminal on Linux.
const ECHO: u32 = 0o10;

/// A client in a terminal. Dropping this value kills the client and waits for its end.
pub(crate) struct Screen {
    child: Box<dyn Child + Send + Sync>,
    keyboard: Box<dyn Write + Send>,
    shown: Arc<Shown>,
    // Dropping the master hangs up the terminal.
    terminal: Box<dyn MasterPty + Send>,
    /// The modes of the terminal before the program started.
    modes: String,
    /// Removed after the program has ended, not while it writes there.
    _home: Arc<TempDir>,
}

/// The output of the program so far.
struct Shown {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    terminal: vt100::Parser,
    raw: Vec<u8>,
    ended: bool,
}

impl Screen {
    /// Starts `client` in a terminal, with further arguments.
    pub(crate) fn open(client: &Client, arguments: &[&str]) -> Self {
        Self::on(Some("xterm-256color"), client, arguments)
    }

    /// Starts `client` in a terminal with this value of `TERM`.
    pub(crate) fn on(kind: Option<&str>, client: &Client, arguments: &[&str]) -> Self {
        let pair = native_pty_system().openpty(size(COLUMNS)).unwrap();
        let mut command = command(client, arguments);
        if let Some(kind) = kind {
            command.env("TERM", kind);
        }
        let modes = pair.master.get_termios().map(|modes| format!("{modes:?}")).unwrap();
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let keyboard = pair.master.take_writer().unwrap();
        let shown = Shown::read(pair.master.try_clone_reader().unwrap());
        Self { child, keyboard, shown, terminal: pair.master, modes, _home: client.keep_home() }
    }

    /// Whether the modes of the terminal are those from before the program.
    pub(crate) fn is_as_before(&self) -> bool {
        format!("{:?}", self.terminal.get_termios().unwrap()) == self.modes
    }

    /// Sends the program a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let id = self.id().try_into().unwrap();
        kill_process(Pid::from_raw(id).unwrap(), signal).unwrap();
    }

    /// Changes the width of the terminal.
    pub(crate) fn resize(&self, columns: u16) {
        self.terminal.resize(size(columns)).unwrap();
        let (rows, columns) = (NonZeroU16::new(ROWS).unwrap(), NonZeroU16::new(columns).unwrap());
        self.shown.state.lock().unwrap().terminal.screen_mut().set_size(rows, columns);
    }

    /// Types a line, waits until the screen shows it, and presses Enter. A later wait then sees newer output.
    #[track_caller]
    pub(crate) fn enter(&mut self, line: &str) {
        self.press(line);
        self.wait(&format!("the typed {line:?}"), |state| {
            cursor_line(state).0.trim_end().ends_with(line.trim_end())
        });
        self.press("\r");
    }

    /// Waits until the terminal has turned echo off, and enters a line then.
    #[track_caller]
    pub(crate) fn enter_unseen(&mut self, secret: &str) {
        let until = Instant::now() + DEADLINE;
        while self.echoes() {
            assert!(Instant::now() < until, "the terminal still echoes");
            thread::yield_now();
        }
        self.press(secret);
        self.press("\r");
    }

    /// Whether the terminal echoes typed keys.
    fn echoes(&self) -> bool {
        let settings = self.terminal.get_termios().unwrap();
        settings.local_flags.bits() & ECHO != 0
    }

    /// Types keys.
    pub(crate) fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
        self.keyboard.flush().unwrap();
    }

    /// Waits until the screen shows `text`, and returns the screen.
    #[track_caller]
    pub(crate) fn shows(&self, text: &str) -> String {
        self.wait(&format!("the screen shows {text:?}"), |state| {
            state.terminal.screen().contents().contains(text)
        })
    }

    /// Waits until the screen shows one of two texts.
    #[track_caller]
    pub(crate) fn shows_either(&self, one: &str, other: &str) -> String {
        self.wait(&format!("the screen shows {one:?} or {other:?}"), |state| {
            let contents = state.terminal.screen().contents();
            contents.contains(one) || contents.contains(other)
        })
    }

    /// Waits for an empty prompt that contains `part`.
    #[track_caller]
    pub(crate) fn prompts(&self, part: &str) -> String {
        self.wait(&format!("a prompt with {part:?}"), |state| {
            let (line, column) = cursor_line(state);
            let line = line.trim_end();
            line.ends_with('>') && line.contains(part) && column == line.len() + 1
        })
    }

    /// Waits until the screen ends with exactly this prompt and this line, wrapped over rows if need be,
    /// with the cursor between the two parts of the line.
    #[track_caller]
    pub(crate) fn half_typed(&self, prompt: &str, [before, after]: [&str; 2]) -> String {
        let typed = format!("{prompt}{before}{after}");
        let cursor = prompt.len() + before.len();
        self.wait(&format!("{prompt:?} with {before:?} and {after:?}"), |state| {
            let screen = state.terminal.screen();
            let rows: Vec<_> = screen.rows(0, COLUMNS).collect();
            let Some(top) = rows.iter().rposition(|row| row.starts_with(prompt)) else {
                return false;
            };
            let width = usize::from(COLUMNS);
            let below: String = rows[top..].iter().map(|row| format!("{row:width$}")).collect();
            let (row, column) = screen.cursor_position();
            let place =
                (usize::from(row) - top.min(usize::from(row))) * width + usize::from(column);
            below.trim_end() == typed.trim_end() && place == cursor
        })
    }

    /// Kills the program with SIGKILL.
    pub(crate) fn kill9(mut self) {
        let id = self.child.process_id().unwrap().try_into().unwrap();
        kill_process(Pid::from_raw(id).unwrap(), Signal::KILL).unwrap();
        self.child.wait().unwrap();
    }

    /// Waits until the output, from its start, contains `text`.
    #[track_caller]
    pub(crate) fn wrote(&self, text: &str) -> String {
        self.wait(&format!("the program writes {text:?}"), |state| {
            String::from_utf8_lossy(&state.raw).contains(text)
        })
    }

    /// The process id of the client.
    pub(crate) fn id(&self) -> u32 {
        self.child.process_id().unwrap()
    }

    /// The output so far with its escape codes, as text.
    pub(crate) fn raw(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }

    /// The output so far with its escape codes, as bytes.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.shown.state.lock().unwrap().raw.clone()
    }

    /// Waits until the program has closed the terminal and all output is read.
    #[track_caller]
    pub(crate) fn ended(&self) {
        self.wait("the program ends", |state| state.ended);
    }

    /// Waits until the program ends, and returns its exit status.
    #[track_caller]
    pub(crate) fn ends(mut self) -> u32 {
        self.ended();
        self.child.wait().unwrap().exit_code()
    }

    /// Waits until the program has ended, and leaves the terminal open.
    pub(crate) fn waits_for_end(&mut self) -> u32 {
        self.child.wait().unwrap().exit_code()
    }

    #[track_caller]
    fn wait(&self, what: &str, mut until: impl FnMut(&State) -> bool) -> String {
        let deadline = Instant::now() + DEADLINE;
        let mut state = self.shown.state.lock().unwrap();
        loop {
            if until(&state) {
                return state.terminal.screen().contents();
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || state.ended {
                panic!("not seen: {what}; but:\n{}", state.terminal.screen().contents());
            }
            state = self.shown.changed.wait_timeout(state, left).unwrap().0;
        }
    }
}

fn size(columns: u16) -> PtySize {
    PtySize { rows: ROWS, cols: columns, pixel_width: 0, pixel_height: 0 }
}

/// The line with the cursor, and the cursor's column.
fn cursor_line(state: &State) -> (String, usize) {
    let screen = state.terminal.screen();
    let (row, column) = screen.cursor_position();
    let line = screen.rows(0, COLUMNS).nth(usize::from(row)).unwrap_or_default();
    (line, usize::from(column))
}

impl Shown {
    /// Feeds the output to the screen in a thread.
    fn read(mut source: Box<dyn Read + Send>) -> Arc<Self> {
        let rows = NonZeroU16::new(ROWS).unwrap();
        let columns = NonZeroU16::new(COLUMNS).unwrap();
        let terminal = vt100::Parser::new(rows, columns, 0);
        let state = Mutex::new(State { terminal, raw: Vec::new(), ended: false });
        let shown = Arc::new(Self { state, changed: Condvar::new() });
        let mine = Arc::clone(&shown);
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            // The end of a terminal is an error on Linux, and not an empty read.
            while let Ok(read @ 1..) = source.read(&mut buffer) {
                let mut state = mine.state.lock().unwrap();
                state.terminal.process(&buffer[..read]);
                state.raw.extend(&buffer[..read]);
                drop(state);
                mine.changed.notify_all();
            }
            mine.state.lock().unwrap().ended = true;
            mine.changed.notify_all();
        });
        shown
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(client: &Client, arguments: &[&str]) -> CommandBuilder {
    let mut command = CommandBuilder::new(PROGRAM);
    command.args(client.arguments());
    command.args(arguments);
    command.cwd(client.path(""));
    command.env_clear();
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("LANG", "C.UTF-8");
    if let Some(folder) = std::env::var_os("TMPDIR") {
        command.env("TMPDIR", folder);
    }
    for (name, folder) in environment(client.home()) {
        command.env(name, folder);
    }
    command
}
