//! `qchat cert`: a self-signed certificate, and the change of its key.

use std::path::PathBuf;

use clap::Args;
use qchat_node::{Identity, IdentityFiles, Rotation};
use qchat_terminal::print;

/// The arguments of `qchat cert`.
#[derive(Debug, Args)]
pub(crate) struct CertArgs {
    /// The folder of cert.pem and key.pem. A key that is there is kept, so that clients which know it
    /// go on trusting the server.
    #[arg(long, value_name = "DIR", default_value = "cert")]
    out: PathBuf,
    /// A DNS name or an IP address that the certificate is for; may be given several times
    /// [default: those of the certificate that is there, else localhost, 127.0.0.1 and ::1].
    #[arg(long = "name", value_name = "DNS_OR_IP")]
    names: Vec<String>,
    /// Make the key that will take the place of the one in force, next-key.pem beside it. The running
    /// server tells signed-in clients its fingerprint after SIGHUP.
    #[arg(long, conflicts_with_all = ["rotate", "names"])]
    next: bool,
    /// Put the next key in force, with a certificate of its own. The running server uses it after
    /// SIGHUP. Clients that were told of it go on trusting the server.
    #[arg(long)]
    rotate: bool,
}

/// Makes or renews the certificate, and says which files it wrote.
pub(crate) fn run(arguments: &CertArgs) -> anyhow::Result<()> {
    let files = IdentityFiles::in_folder(&arguments.out);
    match (arguments.next, arguments.rotate) {
        (true, _) => make_next(&files),
        (_, true) => rotate(&files, &names(arguments, &files)?),
        _ => make(&files, &names(arguments, &files)?),
    }
}

/// The names given as arguments, or those of the present certificate.
fn names(arguments: &CertArgs, files: &IdentityFiles) -> anyhow::Result<Vec<String>> {
    match arguments.names.is_empty() {
        true => Ok(files.names()?),
        false => Ok(arguments.names.clone()),
    }
}

fn make(files: &IdentityFiles, names: &[String]) -> anyhow::Result<()> {
    let kept = files.key.exists();
    let identity = files.make(names)?;
    tell(files, &identity, names, if kept { "kept" } else { "new" })
}

fn make_next(files: &IdentityFiles) -> anyhow::Result<()> {
    let next = files.make_next()?;
    let state = if next.existed { "kept" } else { "new" };
    print(&format!(
        "next key:    {} ({state})\n\
         fingerprint: {}\n\
         Send the server SIGHUP: it tells clients of this key when they sign in. Give them time,\n\
         then put it in force with qchat cert --rotate.",
        files.next_key().display(),
        next.fingerprint
    ))?;
    Ok(())
}

fn rotate(files: &IdentityFiles, names: &[String]) -> anyhow::Result<()> {
    match files.rotate(names)? {
        Rotation::Done(identity) => {
            tell(files, &identity, names, "changed")?;
            print("Send the server SIGHUP, or start it again.")?;
        }
        Rotation::Nothing(identity) => {
            print(&format!(
                "There is no next key: nothing was changed. Make one with qchat cert --next.\n\
                 fingerprint: {}",
                identity.fingerprint()?
            ))?;
        }
    }
    Ok(())
}

fn tell(
    files: &IdentityFiles,
    identity: &Identity,
    names: &[String],
    key: &str,
) -> anyhow::Result<()> {
    print(&format!(
        "certificate: {} (for {})\nkey:         {} ({key})\nfingerprint: {}",
        files.certificate.display(),
        names.join(", "),
        files.key.display(),
        identity.fingerprint()?
    ))?;
    Ok(())
}
