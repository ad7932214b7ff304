//! What becomes of a typed line: it is done, or waits for the link.

use qchat_client::Backoff;
use qchat_client::proto::ClientId;
use tokio::time::{sleep, timeout};

use super::{Live, Watch, step};
use crate::command::Input;
use crate::command::{Line, parse};
use crate::error::Failure;
use crate::execute::{Outcome, Shell};
use crate::login::path_of;
use crate::outbox::{Delivery, Step};
use crate::outcome::Answer;
use crate::prompt::notices::{News, Sent};

impl Live {
    /// Does a typed line, or keeps it until the link is back.
    ///
    /// # Cancel safety
    /// As [`Shell::execute`]. What was kept stays so.
    pub(crate) async fn enter(&mut self, shell: &mut Shell, text: &str) -> Outcome {
        let input = Input::line(text);
        match parse(input) {
            Ok(line) if self.delivery.is_some() && line.can_wait() => {
                self.send(shell, input, &line).await
            }
            Ok(Line::Background(line)) => self.send_off(shell, input, *line).await,
            Ok(Line::StopTransfer(number)) => self.stop_transfer(shell, input, number).await,
            Ok(Line::Transfers) => {
                shell.output().transfers(&self.transfers.rows());
                Outcome::Done
            }
            Ok(line) if line.asks_server() => match self.settle(shell, &line).await {
                Ok(()) => shell.execute(text).await,
                Err(failure) => shell.tell(input.first_word(), Err(failure)).await,
            },
            _ => shell.execute(text).await,
        }
    }

    /// Does a line at once where that is possible, so that its answer is seen below it. Otherwise it gets
    /// behind those that wait.
    async fn send(&mut self, shell: &mut Shell, input: Input<'_>, line: &Line) -> Outcome {
        let id = ClientId::random();
        if self.waiting() == 0 && shell.is_connected() {
            shell.begin();
            match shell.done(line, id).await {
                Err(Failure { code: "unreachable" | "outcome_unknown", .. }) => {}
                result => return shell.tell(input.first_word(), result).await,
            }
        }
        shell.tell_renamed(line, id).await;
        let (Input::Line(text), Some(delivery)) = (input, &mut self.delivery) else {
            return Outcome::Done;
        };
        match delivery.push(id, text, line) {
            Ok(remark) => {
                shell.output().notice(&remark);
                Outcome::Done
            }
            Err(failure) => shell.tell(input.first_word(), Err(failure)).await,
        }
    }

    fn waiting(&self) -> usize {
        self.delivery.as_ref().map_or(0, Delivery::waiting)
    }

    /// Sends what waits before a line that cannot, for as long as that may take. Where the link stands,
    /// the line is done even if something still waits.
    async fn settle(&mut self, shell: &mut Shell, line: &Line) -> Result<(), Failure> {
        let patience = shell.manner().patience;
        let settled = timeout(patience, self.deliver_before(line, shell)).await;
        shell.restoring_is_broken_off();
        match settled {
            Err(_) if !shell.is_connected() => {
                let text = format!("there was no connection for {} s", patience.as_secs());
                Err(Failure::unreachable(text))
            }
            _ => Ok(()),
        }
    }

    /// A question does not wait for files.
    async fn deliver_before(&mut self, line: &Line, shell: &mut Shell) {
        let ends_session = matches!(line, Line::Logout | Line::LogoutEverywhere);
        let passes_files = !ends_session && !matches!(line, Line::Leave(_));
        let mut backoff = Backoff::default();
        if self.waiting() > 0 && !shell.is_connected() {
            let seconds = shell.manner().patience.as_secs();
            shell.output().notice(&format!("no connection; trying again for {seconds} s"));
        }
        while self.waiting() > 0 {
            if shell.signed_in().is_some() {
                if passes_files && self.delivery.as_ref().is_some_and(Delivery::sends_file) {
                    return;
                }
                match step(&mut self.delivery, shell).await {
                    Step::Sent(sent) => {
                        self.track(&sent, shell);
                        shell.output().late(&sent);
                    }
                    Step::NotYet => {}
                    Step::SignedOut => shell.abandon_link(),
                }
            } else if shell.can_be_restored() {
                sleep(backoff.pause()).await;
                backoff.failed();
                // Whether it went well is seen in the next round.
                let _ = shell.restore().await;
            } else {
                return;
            }
        }
    }

    /// Takes note of what has come of sending.
    pub(super) fn sent(&mut self, step: Step, shell: &mut Shell) {
        match step {
            Step::Sent(sent) => {
                self.track(&sent, shell);
                self.board.post(News::Sent(*sent));
            }
            Step::NotYet => self.follow(shell),
            Step::SignedOut => {
                shell.abandon_link();
                self.stop();
                self.watch = Watch::Lost;
            }
        }
    }

    fn track(&mut self, sent: &Sent, shell: &Shell) {
        for message in sent.result.as_ref().map(Answer::sent).unwrap_or_default() {
            self.own.add(message.id.clone(), shell.signed_in(), &self.board);
        }
    }

    /// Takes up what waits for who is signed in now.
    pub(super) fn open_delivery(&mut self, shell: &Shell) {
        let (Some(user), Some(outboxes)) = (&self.user, &self.outboxes) else { return };
        let folder = path_of(outboxes, shell.server(), user);
        match Delivery::open(user.clone(), &folder) {
            Ok((delivery, remarks)) => {
                self.delivery = Some(delivery);
                remarks.iter().for_each(|remark| self.notice(remark));
            }
            Err(error) => self.notice(&format!("lines cannot wait for a connection: {error}")),
        }
    }

    /// Leaves what waits where it is kept; says what is to be told of it.
    pub(super) fn close_delivery(&mut self) -> Option<String> {
        let mut delivery = self.delivery.take().filter(|delivery| delivery.waiting() > 0)?;
        delivery.save();
        let user = delivery.user();
        Some(match delivery.waiting() {
            1 => format!("1 line waits; it is kept, and sent when {user} is here again"),
            lines => {
                format!("{lines} lines wait; they are kept, and sent when {user} is here again")
            }
        })
    }
}
