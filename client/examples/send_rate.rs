//! How many sends per second a server answers, with 1 and with 64 senders at a time, beside the rate at
//! which the disk under `--folder` syncs: every answer waits for a sync that holds its message.
//!
//!     cargo run --release -p qchat-client --example send_rate -- 127.0.0.1:4433 FOLDER
//!
//! The server is to be an empty one: accounts `sender0` to `sender63` are made on it. Each sender has
//! a connection of its own and waits for each answer before it sends again.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use qchat_client::proto::{Address, MessageText, Password, UserName};
use qchat_client::{Client, PinFile, ServerAddress, Trust, Unknown};

type Failure = Box<dyn std::error::Error + Send + Sync>;

const TIME: Duration = Duration::from_secs(5);
const MESSAGE_BYTES: usize = 200;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: send_rate HOST:PORT FOLDER";
    let server: ServerAddress = arguments.next().ok_or(usage)?.parse()?;
    let folder = arguments.next().ok_or(usage)?;
    let folder = Path::new(&folder);
    println!("disk, 4 KiB appended and synced: {:>8.0} a second", syncs_per_second(folder)?);
    let mut clients = Vec::new();
    for number in 0..64 {
        clients.push(client(&server, folder, number).await?);
    }
    for senders in [1, 64] {
        let (rate, mut waits) = sends_per_second(clients.iter().take(senders)).await?;
        waits.sort();
        let percentile = |percent: usize| waits.get(waits.len() * percent / 100).copied();
        println!(
            "{senders:>2} senders: {rate:>8.0} sends a second, p50 {:?}, p99 {:?}",
            percentile(50).unwrap_or_default(),
            percentile(99).unwrap_or_default()
        );
    }
    println!("disk, 4 KiB appended and synced: {:>8.0} a second", syncs_per_second(folder)?);
    Ok(())
}

fn syncs_per_second(folder: &Path) -> Result<f64, Failure> {
    let path = folder.join("send_rate.tmp");
    let mut file = File::create(&path)?;
    let (start, mut syncs) = (Instant::now(), 0_u32);
    while start.elapsed() < TIME / 5 {
        file.write_all(&[0; 4096])?;
        file.sync_data()?;
        syncs += 1;
    }
    std::fs::remove_file(path)?;
    Ok(f64::from(syncs) / start.elapsed().as_secs_f64())
}

async fn client(server: &ServerAddress, folder: &Path, number: usize) -> Result<Client, Failure> {
    let pins = PinFile::at(folder.join("send_rate.pins"));
    let client = Client::connect(server, Trust::Known { pins, unknown: Unknown::Accept }).await?;
    let user: UserName = format!("sender{number}").parse()?;
    let password = Password::try_from("measuring".to_owned())?;
    client.register(user.clone(), password.clone()).await?;
    client.login(user, password).await?;
    Ok(client)
}

/// The rate of all senders together, and how long each send took.
async fn sends_per_second(
    clients: impl Iterator<Item = &Client>,
) -> Result<(f64, Vec<Duration>), Failure> {
    let start = Instant::now();
    let senders: Vec<_> = clients.cloned().map(|client| tokio::spawn(send(client))).collect();
    let mut waits = Vec::new();
    for sender in senders {
        waits.extend(sender.await??);
    }
    let sends = u32::try_from(waits.len())?;
    Ok((f64::from(sends) / start.elapsed().as_secs_f64(), waits))
}

async fn send(client: Client) -> Result<Vec<Duration>, Failure> {
    let text = MessageText::try_from("x".repeat(MESSAGE_BYTES))?;
    let to = Address::User("sender0".parse()?);
    let (start, mut waits) = (Instant::now(), Vec::new());
    while start.elapsed() < TIME {
        let sent = Instant::now();
        client.send(to.clone(), text.clone()).await?;
        waits.push(sent.elapsed());
    }
    Ok(waits)
}
