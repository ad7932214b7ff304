//! A hostile server, and the effect of its texts in a terminal.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex};

use qchat_proto::{ALPN, quic_codes};
use quinn::crypto::rustls::QuicServerConfig;
use quinn::{Connection, Endpoint, ServerConfig, VarInt};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::harness::{Client, PROGRAM};
use crate::hostile::texts::{attacks, check_bytes, is_of_word, rows, written_by};

/// The bytes of a close reason that fit into one packet.
const REASON_BYTES: usize = 900;

/// A server that runs a function of the test on every connection.
pub(crate) struct HostileServer {
    address: SocketAddr,
    certificate: PathBuf,
    _folder: tempfile::TempDir,
}

impl HostileServer {
    /// Must be called in a tokio runtime with several threads.
    pub(crate) fn start<F>(serve: impl Fn(Connection) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let folder = tempfile::tempdir().unwrap();
        let made = Command::new(PROGRAM).args(["cert", "--out"]).arg(folder.path()).output();
        assert!(made.unwrap().status.success());
        let certificate = folder.path().join("cert.pem");
        let key = PrivateKeyDer::from_pem_file(folder.path().join("key.pem")).unwrap();
        let chain = vec![CertificateDer::from_pem_file(&certificate).unwrap()];
        let mut tls =
            rustls::ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
                .with_protocol_versions(&[&rustls::version::TLS13])
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(chain, key)
                .unwrap();
        tls.alpn_protocols = vec![ALPN.to_vec()];
        let config = ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls).unwrap()));
        let endpoint = Endpoint::server(config, "127.0.0.1:0".parse().unwrap()).unwrap();
        let address = endpoint.local_addr().unwrap();
        tokio::spawn(async move {
            while let Some(incoming) = endpoint.accept().await {
                if let Ok(connection) = incoming.await {
                    tokio::spawn(serve(connection));
                }
            }
        });
        Self { address, certificate, _folder: folder }
    }

    /// A client of this server, which is signed in as this user.
    pub(crate) fn client_of(&self, user: &str) -> Client {
        let address = self.address.to_string();
        Client::at(&["--server", &address, "--ca", self.certificate.to_str().unwrap()], Some(user))
    }

    /// A signed-out client with a short time limit.
    fn client(&self) -> Client {
        let address = self.address.to_string();
        let certificate = self.certificate.to_str().unwrap();
        Client::at(&["--server", &address, "--ca", certificate, "--timeout", "1"], None)
    }
}

async fn close(connection: Connection, reason: Arc<Mutex<String>>) {
    let reason = reason.lock().unwrap().clone();
    connection.close(VarInt::from_u32(quic_codes::GOODBYE), reason.as_bytes());
    connection.closed().await;
}

/// The attacks, several in each close reason.
fn reasons() -> Vec<String> {
    let mut reasons = vec![String::new()];
    for attack in attacks().into_iter().filter(|attack| attack.len() < REASON_BYTES) {
        let last = reasons.last_mut().unwrap();
        match last.len() + attack.len() < REASON_BYTES {
            true => last.push_str(&attack),
            false => reasons.push(attack),
        }
    }
    // A row of each other user, for each width at which the terminal may break the line.
    reasons.push(
        (20..60).map(|width| format!("x{}bob │ pay me", " ".repeat(width))).take(12).collect(),
    );
    reasons
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_close_reason_reaches_no_terminal_unfiltered_and_begins_no_line() {
    let said = Arc::<Mutex<String>>::default();
    let saying = Arc::clone(&said);
    let server = HostileServer::start(move |connection| close(connection, Arc::clone(&saying)));
    let client = server.client();
    let reasons = reasons();
    for reason in reasons.iter().step_by(2).chain(reasons.last()) {
        said.lock().unwrap().clone_from(reason);
        let written = written_by(&client, &["auth_login", "alice", "x"]);
        check_bytes(&written, &[]);
        let shown = rows(&written);
        assert!(shown.iter().any(|row| row.contains("closed by peer:")), "{shown:?}");
        for row in shown {
            let is_ours =
                ["error: ", "nothing was done: ", "  │"].iter().any(|ours| row.starts_with(ours));
            assert!(is_ours || is_of_word(&row), "{row:?} for {reason:?}");
        }
    }
}
