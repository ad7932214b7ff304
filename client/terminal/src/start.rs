//! From the arguments to a running client.

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use anyhow::{Context, anyhow};
use qchat_client::{ReconnectingClient, Trust, Unknown};

use crate::command::{self, CommandEntry, Verb};
use crate::config::{ClientArgs, ServerNames, Settings, SettingsSources, UserFolders};
use crate::execute::Executor;
use crate::exit::Exit;
use crate::login::{Account, PasswordSource, SavePolicy};
use crate::output::{
    Output, OutputFormat, Palette, TerminalModes, ended_by_signal, is_foreground, sanitize, tell,
};
use crate::prompt::repl;
use crate::script::{AfterFailure, Lines, Listener, listen, run};

/// Runs `qchat client`, and returns its exit status. Makes a runtime of its own, so it must not be called from
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
    let sources = SettingsSources {
        args,
        environment: &|name| std::env::var(name).ok(),
        home: UserFolders::find(),
        unknown: if terminal { Unknown::Accept } else { Unknown::Refuse },
    };
    let settings = sources.resolve()?;
    // One thread is enough: a person waits for one line at a time, and transfers have threads of their own.
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.context("starting the runtime")?;
    let modes = TerminalModes::remember();
    let exit = runtime.block_on(async {
        if args.command.first().is_some_and(|word| word == command::listen::NAME) {
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
                    Ok(run::run(script_executor(args, settings)?, lines, after_failure).await)
                }
                None => repl::run(prompt_executor(settings)?, UserFolders::find().ok()).await,
            }
        };
        tokio::select! {
            exit = running => exit,
            signal = ended_by_signal(), if modes.is_some() => Ok(Exit::Signal(signal)),
        }
    });
    // A thread that still waits for keys or for a password must not delay the end.
    runtime.shutdown_background();
    drop(modes);
    exit
}

async fn listen(args: &ClientArgs, settings: Settings) -> anyhow::Result<Exit> {
    let words = args.command.get(1..).unwrap_or_default();
    let options = listen::ListenOptions::parse(words, args.json).map_err(|why| anyhow!("{why}"))?;
    let user = settings.user.clone().context("listen needs --user NAME or QCHAT_USER")?;
    let home = UserFolders::find()?;
    let cursors = settings.names(Some(&home)).path_of(&home.cursors(), &user);
    let keep = settings.keep(SavePolicy::Named);
    let output = Output::standard(OutputFormat::Text(Palette::default()));
    let executor = executor(settings, keep, output)?.for_messages();
    let listener = Listener { executor, cursors };
    Ok(listen::run(listener, options).await)
}

/// The lines of a script; `None` if a person is to type them.
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

fn script_executor(args: &ClientArgs, settings: Settings) -> anyhow::Result<Executor> {
    let form = if args.json { OutputFormat::Json } else { OutputFormat::Text(Palette::default()) };
    let keep = settings.keep(SavePolicy::Named);
    let executor = executor(settings, keep, Output::standard(form))?;
    let executor = if is_foreground(io::stderr()) { executor.with_bars() } else { executor };
    let executor = match args.command.first() {
        Some(name) if !moves_files(name) => executor.for_messages(),
        _ => executor,
    };
    Ok(match (args.command.is_empty(), args.lines.is_empty()) {
        (false, _) => executor.for_one_command().with_standard_input(),
        (true, false) => executor.with_standard_input(),
        (true, true) => executor,
    })
}

fn moves_files(command: &str) -> bool {
    let verb = CommandEntry::named(command).map(|entry| entry.verb);
    matches!(
        verb,
        Some(Verb::SendFile | Verb::SendGroupFile | Verb::Download | Verb::DownloadGroup)
    )
}

fn prompt_executor(settings: Settings) -> anyhow::Result<Executor> {
    let form = OutputFormat::Text(Palette::of_standard_output());
    let keep = settings.keep(SavePolicy::All);
    Ok(executor(settings, keep, Output::standard(form))?.with_bars())
}

impl Settings {
    /// The policy for saved sessions, unless nothing is to be saved.
    fn keep(&self, keep: SavePolicy) -> SavePolicy {
        if self.no_save { SavePolicy::Nothing } else { keep }
    }

    /// The names under which the state of the server is kept.
    fn names(&self, home: Option<&UserFolders>) -> ServerNames {
        let Some(home) = home else { return ServerNames::given(&self.server) };
        let pins = match &self.trust {
            Trust::Known { pins, .. } => Some(pins),
            Trust::Fingerprint(_) | Trust::Authority(_) => None,
        };
        ServerNames::find(&self.server, home, pins)
    }
}

fn executor(settings: Settings, keep: SavePolicy, output: Output) -> anyhow::Result<Executor> {
    let home = match UserFolders::find() {
        Err(error) if settings.user.is_some() => return Err(error),
        home => home.ok(),
    };
    let names = settings.names(home.as_ref());
    let Settings { server, trust, user, password, timeout, .. } = settings;
    let account = match &home {
        Some(home) => Account::new(user, &home.sessions(), &names, keep),
        None => Account::default(),
    };
    let connection = ReconnectingClient::new(server, trust);
    let connection = match names.last_route() {
        Some(route) => connection.preferring(route),
        None => connection,
    };
    let secrets = PasswordSource::new(password);
    let executor = Executor::new((connection, names), account, secrets, output, timeout);
    Ok(match home {
        Some(home) => executor.with_upload_notes(home.uploads()),
        None => executor,
    })
}
