//! Warns while there is time to renew the certificate.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use time::{Duration, OffsetDateTime};
use tokio::time::sleep;

use crate::state::ServerState;

/// How long before the expiry the warnings begin.
const WARNING_TIME: Duration = Duration::days(30);

/// The time between two warnings.
const WARNING_INTERVAL: std::time::Duration = std::time::Duration::from_secs(24 * 60 * 60);

/// The time that a certificate has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TimeLeft {
    Enough,
    Days(i64),
    None,
}

/// Checks the certificate in use: at once, once a day, and whenever it changes.
pub(crate) async fn watch(state: Arc<ServerState>, certificate: PathBuf) {
    let mut current_identity = state.current_identity.subscribe();
    while !state.stopping.is_cancelled() {
        if let Some(public_identity) = *current_identity.borrow_and_update() {
            warn(public_identity.expires, &certificate);
        }
        tokio::select! {
            _ = current_identity.changed() => {}
            () = sleep(WARNING_INTERVAL) => {}
            () = state.stopping.cancelled() => {}
        }
    }
}

fn warn(expires: OffsetDateTime, certificate: &std::path::Path) {
    let (certificate, date) = (certificate.display(), expires.date());
    let remedy = "renew it with qchat cert, which keeps the key, and send the server SIGHUP";
    match time_left(expires, SystemTime::now().into()) {
        TimeLeft::Enough => {}
        TimeLeft::Days(days) => {
            tracing::warn!(%certificate, expires = %date, "the certificate expires in {days} days: {remedy}");
        }
        TimeLeft::None => tracing::error!(
            %certificate, expired = %date,
            "the certificate has expired, and clients with --ca refuse it: {remedy}"
        ),
    }
}

fn time_left(expires: OffsetDateTime, now: OffsetDateTime) -> TimeLeft {
    match expires - now {
        left if left < Duration::ZERO => TimeLeft::None,
        left if left < WARNING_TIME => TimeLeft::Days(left.whole_days()),
        _ => TimeLeft::Enough,
    }
}

#[cfg(test)]
mod tests;
