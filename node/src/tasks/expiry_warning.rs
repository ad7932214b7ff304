//! Warns while there is time to renew the certificate.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use time::{Duration, OffsetDateTime};
use tokio::time::sleep;

use crate::state::ServerState;

/// How long before the end the warnings begin.
const WARNED_BEFORE: Duration = Duration::days(30);

/// How often they are repeated.
const WARN_EVERY: std::time::Duration = std::time::Duration::from_secs(24 * 60 * 60);

/// How much time a certificate has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    Enough,
    Days(i64),
    None,
}

/// Looks at the certificate that is in use: at once, once a day, and whenever it is another one.
pub(crate) async fn watch(state: Arc<ServerState>, certificate: PathBuf) {
    let mut current_identity = state.current_identity.follow();
    while !state.stopping.is_cancelled() {
        if let Some(identification) = *current_identity.borrow_and_update() {
            tell(identification.expires, &certificate);
        }
        tokio::select! {
            _ = current_identity.changed() => {}
            () = sleep(WARN_EVERY) => {}
            () = state.stopping.cancelled() => {}
        }
    }
}

fn tell(expires: OffsetDateTime, certificate: &std::path::Path) {
    let (certificate, date) = (certificate.display(), expires.date());
    let remedy = "renew it with qchat cert, which keeps the key, and send the server SIGHUP";
    match left(expires, SystemTime::now().into()) {
        Left::Enough => {}
        Left::Days(days) => {
            tracing::warn!(%certificate, expires = %date, "the certificate expires in {days} days: {remedy}");
        }
        Left::None => tracing::error!(
            %certificate, expired = %date,
            "the certificate has expired, and clients with --ca refuse it: {remedy}"
        ),
    }
}

fn left(expires: OffsetDateTime, now: OffsetDateTime) -> Left {
    match expires - now {
        left if left < Duration::ZERO => Left::None,
        left if left < WARNED_BEFORE => Left::Days(left.whole_days()),
        _ => Left::Enough,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_thirty_days_are_told() {
        let now = OffsetDateTime::from(SystemTime::now());
        let check = |days, seconds, expected| {
            let expires = now + Duration::days(days) + Duration::seconds(seconds);
            assert_eq!(left(expires, now), expected, "{days} days, {seconds} s");
        };
        check(3650, 0, Left::Enough);
        check(30, 0, Left::Enough);
        check(30, -1, Left::Days(29));
        check(1, 0, Left::Days(1));
        check(0, 1, Left::Days(0));
        check(0, -1, Left::None);
        check(-400, 0, Left::None);
    }
}
