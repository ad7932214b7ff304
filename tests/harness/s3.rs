//! A store of objects on this machine: SeaweedFS, which `scripts/setup --cluster` installs. Without it the tests say
//! that they were skipped.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use super::process::Running;
use super::until;

/// The bucket of each test.
const BUCKET: &str = "qchat-tests";

const KEY: &str = "qchat";
const SECRET: &str = "a-secret-of-tests";

/// The parts of the program that listen, each on two ports.
const PARTS: [&str; 4] = ["master", "volume", "filer", "s3"];

/// A running store of objects. Dropping this value kills it.
pub(crate) struct S3 {
    running: Option<Running>,
    folder: Arc<TempDir>,
    ports: Vec<u16>,
}

/// The program, if it is installed.
fn program() -> Option<PathBuf> {
    let folder = std::env::var("QCHAT_CLUSTER_DIR").unwrap_or_else(|_| "target/cluster".to_owned());
    let program = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(folder).join("python/bin/weed");
    program.is_file().then_some(program)
}

impl S3 {
    /// Starts a store with an empty bucket; `None` if none is installed.
    pub(crate) fn start() -> Option<Self> {
        if program().is_none() {
            eprintln!("skipped: no SeaweedFS; scripts/setup --cluster installs it");
            return None;
        }
        // All are held until each is known, so that no two are the same.
        let listeners: Vec<_> =
            (0..2 * PARTS.len()).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let ports = listeners.iter().map(|held| held.local_addr().unwrap().port()).collect();
        let folder = Arc::new(tempfile::tempdir().unwrap());
        drop(listeners);
        let mut s3 = Self { running: None, folder, ports };
        s3.run();
        Some(s3)
    }

    /// Starts the program, and waits until it takes objects.
    pub(crate) fn run(&mut self) {
        let mut command = Command::new(program().unwrap());
        command.current_dir(self.folder.path()).args(["-logtostderr=true", "server", "-dir=."]);
        command.args(["-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3"]);
        for (part, ports) in PARTS.iter().zip(self.ports.chunks(2)) {
            command.arg(format!("-{part}.port={}", ports[0]));
            command.arg(format!("-{part}.port.grpc={}", ports[1]));
        }
        // The program reports to its makers otherwise, and makes missing buckets.
        command.args(["-master.telemetry=false", "-s3.autoCreateBucket=false"]);
        command.args(["-master.electionTimeout=1s", "-master.volumeSizeLimitMB=64"]);
        command.args(["-volume.max=0", "-s3.port.iceberg=0", "-s3.port.lance=0"]);
        command.args(["-filer.localSocket=filer.sock", "-s3.localSocket=s3.sock"]);
        command.env("AWS_ACCESS_KEY_ID", KEY).env("AWS_SECRET_ACCESS_KEY", SECRET);
        let mut running = Running::start_in(Arc::clone(&self.folder), &mut command);
        while running.error_line().is_some_and(|line| !line.contains("Start Seaweed S3 API Server"))
        {
        }
        self.running = Some(running);
        until("there is a bucket", || {
            let made = self.request("POST", "", b"");
            made.is_some_and(|(status, _)| matches!(status, 200..300 | 409))
        });
        until("objects are taken", || {
            self.request("PUT", "ready", b"yes").is_some_and(|(status, _)| status == 201)
        });
    }

    /// Kills the program, as a power cut would.
    pub(crate) fn kill9(&mut self) {
        let running = self.running.take().unwrap();
        running.signal(Signal::KILL);
        running.finish();
    }

    /// The value of `--files`.
    pub(crate) fn files() -> String {
        format!("s3://{BUCKET}/files")
    }

    /// The variables by which a server reaches the store.
    pub(crate) fn variables(&self) -> [(&'static str, String); 3] {
        [
            ("AWS_ACCESS_KEY_ID", KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET.to_owned()),
            ("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{}", self.ports[6])),
        ]
    }

    /// The paths of the objects of uploads, below the prefix of the files.
    pub(crate) fn objects(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut folders = vec!["files/".to_owned()];
        while let Some(folder) = folders.pop() {
            let Some((200, listed)) = self.request("GET", &folder, b"") else { continue };
            let listed: Value = serde_json::from_slice(&listed).unwrap();
            for entry in listed["Entries"].as_array().into_iter().flatten() {
                let name = entry["FullPath"].as_str().unwrap().rsplit('/').next().unwrap();
                match entry["Mode"].as_u64().unwrap() & (1 << 31) != 0 {
                    true => folders.push(format!("{folder}{name}/")),
                    false => found.push(format!("{folder}{name}")),
                }
            }
        }
        found.retain(|path| path.matches('/').count() == 3);
        found.sort();
        found
    }

    /// The content of an object.
    pub(crate) fn get(&self, object: &str) -> Vec<u8> {
        let (status, content) = self.request("GET", object, b"").unwrap();
        assert_eq!(status, 200, "{object}");
        content
    }

    /// Replaces the content of an object.
    pub(crate) fn put(&self, object: &str, content: &[u8]) {
        let (status, _) = self.request("PUT", object, content).unwrap();
        assert_eq!(status, 201, "{object}");
    }

    /// Asks the file system below the bucket, which needs no signature. `None` if it does not answer.
    fn request(&self, method: &str, path: &str, body: &[u8]) -> Option<(u16, Vec<u8>)> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.ports[4])).ok()?;
        let head = format!(
            "{method} /buckets/{BUCKET}/{path} HTTP/1.0\r\nAccept: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(&[head.as_bytes(), body].concat()).ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok()?;
        let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
        let status = std::str::from_utf8(&answer[..end]).ok()?.split(' ').nth(1)?.parse().ok()?;
        Some((status, answer[end + 4..].to_vec()))
    }
}
