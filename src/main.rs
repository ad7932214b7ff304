//! The qchat program: `server`, `client`, `cert`, `demo`.

mod cert;
#[cfg(test)]
#[path = "../tests/corpus/mod.rs"]
mod corpus;
mod demo;
mod logging;
mod own_terminal;
mod server;
mod server_config;
#[cfg(feature = "cluster")]
mod shared_store;

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use qchat_node::error_chain;
use qchat_terminal::{OutputError, tell};

/// Chat and files for people who live in terminals, on their own server.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, max_term_width = 100)]
struct Program {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs a server on one UDP port.
    Server(server::ServerArgs),
    /// Talks to a server: at a prompt, or by commands.
    Client(qchat_terminal::ClientArgs),
    /// Makes or renews a self-signed certificate.
    Cert(cert::CertArgs),
    /// Shows two people using the commands, on a real server in a temporary folder.
    Demo(demo::DemoArgs),
}

fn main() -> ExitCode {
    let program = match Program::try_parse() {
        Ok(program) => program,
        Err(error) => return usage(&error),
    };
    match program.command {
        Command::Server(arguments) => report("server", server::run(arguments)),
        Command::Client(arguments) => qchat_terminal::run(&arguments),
        Command::Cert(arguments) => report("cert", cert::run(&arguments)),
        Command::Demo(arguments) => report("demo", demo::run(&arguments)),
    }
}

/// Shows the help, or names the fault in the arguments.
fn usage(error: &clap::Error) -> ExitCode {
    if error.kind() == clap::error::ErrorKind::InvalidUtf8
        && let Some(wrong) = std::env::args_os().find(|argument| argument.to_str().is_none())
    {
        tell(&format!("error: the argument {} is not UTF-8", escaped(&wrong)));
        return ExitCode::from(2);
    }
    match (error.exit_code(), error.print()) {
        (0, Err(error)) if error.kind() != ErrorKind::BrokenPipe => ExitCode::FAILURE,
        (status, _) => u8::try_from(status).map_or(ExitCode::FAILURE, ExitCode::from),
    }
}

/// The argument with bytes that are no text as `\\xE9`. Its beginning is enough to find it.
fn escaped(argument: &OsStr) -> String {
    let shown: String =
        argument.as_encoded_bytes().escape_ascii().map(char::from).take(80).collect();
    format!("\"{shown}\"")
}

/// Tells a failure in one sentence on standard error, with an exit status that is not 0.
fn report(part: &str, result: anyhow::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error)
            if error.downcast_ref::<OutputError>().is_some_and(OutputError::is_reader_gone) =>
        {
            ExitCode::SUCCESS
        }
        Err(error) => {
            tell(&format!("qchat {part}: {}", error_chain(error.as_ref())));
            ExitCode::FAILURE
        }
    }
}
