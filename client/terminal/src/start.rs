//! From arguments to a running client.

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use anyhow::{Context, anyhow};
use qchat_client::Unknown;

use crate::command::{Entry, Verb};
use crate::config::ClientArgs;
use crate::config::Home;
use crate::config::{Settings, Sources};
use crate::execute::Link;
use crate::execute::Shell;
use crate::exit::Exit;
use crate::login::Secrets;
use crate::login::path_of;
use crate::login::{Account, Keep};
use crate::output::Palette;
use crate::output::sanitize;
use crate::output::tell;
use crate::output::{Form, Output};
use crate::output::{TerminalModes, ended_by_signal, is_foreground};
use crate::prompt::repl;
use crate::script::Listener;
use crate::script::{AfterFailure, Lines};
use crate::script::{listen, run};

/// Runs `qchat client` and says how it ended. Makes its own runtime, so it must not be called from
/// within another one.
pub fn run(args: &ClientArgs) -> ExitCode {
    start(args)
        .unwrap_or_else(|error| {
            tell(&format!("error: {}", sanitize::line(&format!("{error:#}"))));
            Exit::Usage
        })
        .into()
}

fn start(args: &ClientArgs) -> anyhow::Result<Exit> {
    let terminal = io::stdin().is_terminal();
    let sources = Sources {
        args,
        environment: &|name| std::env::var(name).ok(),
        home: Home::find(),
        unknown: if terminal { Unknown::Accept } else { Unknown::Refuse },
    };
    let settings = sources.resolve()?;
    // One thread: a person waits for one line at a time, and transfers have threads of their own.
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.context("starting the runtime")?;
    let modes = TerminalModes::remember();
    let exit = runtime.block_on(async {
        if args.command.first().is_some_and(|word| word == listen::NAME) {
            if args.command.get(1).is_some_and(|word| word == "--help") {
                return Ok(listen::help());
            }
            return listen(args, settings).await;
        }
        let lines = lines(args, terminal);
        let after_failure = if args.bail { AfterFailure::Stop } else { AfterFailure::GoOn };
        let running = async {
            match lines {
                Some(lines) => {
                    Ok(run::run(script_shell(args, settings)?, lines, after_failure).await)
                }
                None => repl::run(repl_shell(settings)?, Home::find().ok()).await,
            }
        };
        tokio::select! {
            exit = running => exit,
            signal = ended_by_signal(), if modes.is_some() => Ok(Exit::Signal(signal)),
        }
    });
    // A thread that still waits for keys or for a password must not hold up the end.
    runtime.shutdown_background();
    drop(modes);
    exit
}

async fn listen(args: &ClientArgs, settings: Settings) -> anyhow::Result<Exit> {
    let words = args.command.get(1..).unwrap_or_default();
    let options = listen::Options::parse(words, args.json).map_err(|why| anyhow!("{why}"))?;
    let keep = settings.keep(Keep::Named);
    let Settings { server, trust, user, password, timeout, .. } = settings;
    let user = user.context("listen needs --user NAME or QCHAT_USER")?;
    let home = Home::find()?;
    let listener = Listener {
        account: Account::new(Some(user.clone()), &home.sessions(), &server, keep),
        cursors: path_of(&home.cursors(), &server, &user),
        link: Link::new(server.clone(), trust).for_messages(),
        secrets: Secrets::new(password),
        patience: timeout,
        server,
    };
    Ok(listen::run(listener, options).await)
}

/// The lines of a script; `None` where a person is to type them.
fn lines(args: &ClientArgs, terminal: bool) -> Option<Lines> {
    if !args.command.is_empty() {
        Some(Lines::Command(args.command.clone()))
    } else if !args.lines.is_empty() {
        Some(Lines::Given(args.lines.clone()))
    } else if terminal && !args.json {
        None
    } else {
        Some(Lines::of_standard_input())
    }
}

fn script_shell(args: &ClientArgs, settings: Settings) -> anyhow::Result<Shell> {
    let form = if args.json { Form::Json } else { Form::Text(Palette::default()) };
    let keep = settings.keep(Keep::Named);
    let shell = shell(settings, keep, Output::standard(form))?;
    let shell = if is_foreground(io::stderr()) { shell.with_bars() } else { shell };
    let shell = match args.command.first() {
        Some(name) if !moves_files(name) => shell.for_messages(),
        _ => shell,
    };
    Ok(match (args.command.is_empty(), args.lines.is_empty()) {
        (false, _) => shell.for_one_command().with_standard_input(),
        (true, false) => shell.with_standard_input(),
        (true, true) => shell,
    })
}

fn moves_files(command: &str) -> bool {
    let verb = Entry::named(command).map(|entry| entry.verb);
    matches!(
        verb,
        Some(Verb::SendFile | Verb::SendGroupFile | Verb::Download | Verb::DownloadGroup)
    )
}

fn repl_shell(settings: Settings) -> anyhow::Result<Shell> {
    let form = Form::Text(Palette::of_standard_output());
    let keep = settings.keep(Keep::All);
    Ok(shell(settings, keep, Output::standard(form))?.with_bars())
}

impl Settings {
    /// What outlives the run: this, unless nothing is to.
    fn keep(&self, keep: Keep) -> Keep {
        if self.no_save { Keep::Nothing } else { keep }
    }
}

fn shell(settings: Settings, keep: Keep, output: Output) -> anyhow::Result<Shell> {
    let Settings { server, trust, user, password, timeout, .. } = settings;
    let account = match Home::find() {
        Ok(home) => Account::new(user, &home.sessions(), &server, keep),
        Err(_) if user.is_none() => Account::default(),
        Err(error) => return Err(error),
    };
    let link = Link::new(server, trust);
    let shell = Shell::new(link, account, Secrets::new(password), output, timeout);
    Ok(match Home::find() {
        Ok(home) => shell.with_notes(home.uploads()),
        Err(_) => shell,
    })
}
