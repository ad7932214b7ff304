//! The command line of `qchat client`.

use qchat_client::{Fingerprint, ServerAddress};

use crate::command::{help, listen};
use crate::values::Seconds;

/// The arguments of `qchat client`. A setting without a flag comes from the environment, then from the settings
/// file, then from the defaults.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(after_help = after_help())]
pub struct ClientArgs {
    /// The server [env: QCHAT_SERVER] [default: localhost:4433]
    ///
    /// A server of several machines has several addresses: HOST:PORT,HOST:PORT,… tries them in turn, and goes on at
    /// another one when a machine stops. All have the same key.
    #[arg(long, value_name = "HOST:PORT")]
    pub server: Option<String>,

    /// Use this user's saved session; if there is none, sign in and save it [env: QCHAT_USER]
    ///
    /// The password is the first line of --password-file, or QCHAT_PASSWORD, or asked for at a
    /// terminal.
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,

    /// Keep no session beyond this run, and go on with none that a prompt remembers
    ///
    /// A session that is begun ends with the run: right for scripts whose home is thrown away.
    #[arg(long)]
    pub no_save: bool,

    /// Take the password from the first line of this file
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<std::path::PathBuf>,

    /// Run this line; may be given several times [default: a terminal's prompt, or standard input]
    #[arg(short = 'c', value_name = "LINE", conflicts_with = "command")]
    pub lines: Vec<String>,

    /// Print one JSON object per line of input
    #[arg(long)]
    pub json: bool,

    /// Stop after the first line that fails
    #[arg(long)]
    pub bail: bool,

    /// How long each line may wait for the server; a file may take longer [default: 30]
    ///
    /// Counted from the line's beginning, its retries included. Each line of a script has its own time, also
    /// after one that waited in vain; --bail stops there.
    #[arg(long, value_name = "SECONDS")]
    pub timeout: Option<Seconds>,

    /// Trust the server with exactly this public key
    #[arg(long, value_name = "SHA256:…", conflicts_with_all = ["ca", "accept_new"])]
    pub fingerprint: Option<String>,

    /// Trust servers whose certificate comes from an authority in this PEM file
    #[arg(long, value_name = "FILE", conflicts_with = "accept_new")]
    pub ca: Option<std::path::PathBuf>,

    /// Trust a server that is seen for the first time, and remember its key
    ///
    /// At a terminal this is the default; its key is shown then.
    #[arg(long)]
    pub accept_new: bool,

    /// The settings file [env: QCHAT_CONFIG] [default: qchat/config.toml in the folder for settings]
    ///
    /// Its keys: server, user, no_save, password_file, timeout, fingerprint, ca, accept_new.
    #[arg(long, value_name = "FILE")]
    pub config: Option<std::path::PathBuf>,

    /// Run this command; what follows it belongs to it, as it is
    #[arg(value_name = "COMMAND", trailing_var_arg = true, allow_hyphen_values = true)]
    pub command: Vec<String>,
}

impl ClientArgs {
    /// Opens a prompt on a server whose key is known.
    pub fn pinned(server: &ServerAddress, fingerprint: Fingerprint) -> Self {
        Self {
            server: Some(server.to_string()),
            fingerprint: Some(fingerprint.to_string()),
            ..Self::default()
        }
    }
}

fn after_help() -> String {
    let commands = help(None).lines().map(|line| format!("  {line}\n")).collect::<String>();
    format!(
        "Commands, also as lines of -c, of standard input and of the prompt:\n{commands}\n\
         {}\n\n\
         Exit status: 0 all done; 1 a line was refused; 2 bad usage; 3 no server, or its identity \
         refused; 4 the outcome is unknown",
        listen::HELP
    )
}

#[cfg(test)]
mod tests;
