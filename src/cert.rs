//! `qchat cert`: a self-signed certificate.

use std::path::PathBuf;

use clap::Args;
use qchat_node::IdentityFiles;

/// What `qchat cert` takes.
#[derive(Debug, Args)]
pub(crate) struct CertArgs {
    /// The folder of cert.pem and key.pem. A key that is there is kept, so that clients which know it
    /// go on trusting the server.
    #[arg(long, value_name = "DIR", default_value = "cert")]
    out: PathBuf,
    /// A DNS name or an IP address that the certificate is for; may be given several times.
    #[arg(long = "name", value_name = "DNS_OR_IP", default_values = ["localhost", "127.0.0.1", "::1"])]
    names: Vec<String>,
}

/// Makes or renews the certificate and says what it made.
pub(crate) fn run(arguments: &CertArgs) -> anyhow::Result<()> {
    let files = IdentityFiles::in_folder(&arguments.out);
    let kept = files.key.exists();
    let identity = files.make(&arguments.names)?;
    println!("certificate: {} (for {})", files.certificate.display(), arguments.names.join(", "));
    println!("key:         {} ({})", files.key.display(), if kept { "kept" } else { "new" });
    println!("fingerprint: {}", identity.fingerprint()?);
    Ok(())
}
