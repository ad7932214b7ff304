//! Crashes, lost connections, and damaged or full disks.

mod accidents;
mod bad_network;
mod crash;
mod damaged_store;
mod full_disk;
mod heartbeat;
pub(crate) mod killed_repeatedly;
mod many_clients;
mod reconnect_storm;
mod restarts;
mod small_disk;
mod thin_links;
