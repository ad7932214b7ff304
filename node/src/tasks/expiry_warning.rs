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
mod tests {
    use super::*;

    #[test]
    fn warnings_begin_thirty_days_before_the_expiry() {
        let now = OffsetDateTime::from(SystemTime::now());
        let check = |days, seconds, expected| {
            let expires = now + Duration::days(days) + Duration::seconds(seconds);
            assert_eq!(time_left(expires, now), expected, "{days} days, {seconds} s");
        };
        check(3650, 0, TimeLeft::Enough);
        check(30, 0, TimeLeft::Enough);
        check(30, -1, TimeLeft::Days(29));
        check(1, 0, TimeLeft::Days(1));
        check(0, 1, TimeLeft::Days(0));
        check(0, -1, TimeLeft::None);
        check(-400, 0, TimeLeft::None);
    }
}
