//! Attempts that begin one after the other and go on side by side: the first that succeeds wins (RFC 8305).

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::error::ConnectError;

/// Tells a race that an attempt will probably fail, so that the next one begins at once.
#[derive(Debug, Clone)]
pub(crate) struct Hopeless(mpsc::UnboundedSender<()>);

impl Hopeless {
    /// A teller that nobody hears.
    pub(crate) fn unheard() -> Self {
        Self(mpsc::unbounded_channel().0)
    }

    pub(crate) fn tell(&self) {
        // Fails only if the race is over.
        let _ = self.0.send(());
    }
}

/// Begins an attempt for each of the candidates: the next one `stagger` after the one before, or at once if that
/// fails or tells that it is hopeless. If all have told so, tells `all` the same; they go on nevertheless. A refused
/// identity ends the race.
pub(crate) async fn race<C, T, F>(
    candidates: Vec<C>,
    stagger: Duration,
    all: &Hopeless,
    attempt: impl Fn(C, Hopeless) -> F,
) -> Result<T, Option<ConnectError>>
where
    T: Send + 'static,
    F: Future<Output = Result<T, ConnectError>> + Send + 'static,
{
    let count = candidates.len();
    let mut waiting = candidates.into_iter();
    let mut attempts = JoinSet::new();
    let mut failure = None;
    let (told, mut hopeless) = mpsc::unbounded_channel();
    let mut hopeless_count = 0;
    loop {
        if let Some(next) = waiting.next() {
            attempts.spawn(attempt(next, Hopeless(told.clone())));
        }
        tokio::select! {
            ended = attempts.join_next() => match ended {
                None => return Err(failure),
                Some(Ok(Ok(won))) => return Ok(won),
                Some(Ok(Err(refused @ ConnectError::Identity(_)))) => return Err(Some(refused)),
                Some(Ok(Err(error))) => note(&mut failure, error),
                Some(Err(panic)) => note(&mut failure, ConnectError::Local(panic.to_string())),
            },
            Some(()) = hopeless.recv() => {
                hopeless_count += 1;
                if hopeless_count == count {
                    all.tell();
                }
            }
            () = sleep(stagger), if waiting.len() > 0 => {}
        }
    }
}

/// Keeps the last error, or one after which another try may succeed.
fn note(failure: &mut Option<ConnectError>, error: ConnectError) {
    if failure.as_ref().is_none_or(|known| error.is_transient() || !known.is_transient()) {
        *failure = Some(error);
    }
}
