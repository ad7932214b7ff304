use std::time::Duration;

use qchat_proto::Code;

use super::{Effect, StatementError};
use crate::error::CommandError;
use crate::store::postgres::tests::admin;
use crate::store::postgres::tests::local_server::shared;
use crate::store::{CommitError, StoreError};

fn away() -> StoreError {
    StatementError::Away("no route".to_owned()).into()
}

#[test]
fn a_command_is_to_be_repeated_while_the_database_is_away() {
    let change = CommandError::from(CommitError::Failed(away().into()));
    for error in [CommandError::from(away()), change] {
        assert_eq!(error.into_refusal("Send").code(), Code::OutcomeUnknown);
    }
    let refused = CommandError::from(StoreError::from(StatementError::RowsMissing));
    assert_eq!(refused.into_refusal("Send").code(), Code::Internal);
    assert!(StatementError::Silent(Duration::ZERO).is_passing());
}

#[tokio::test]
async fn the_effect_of_an_error_is_that_of_its_code() {
    let Some(server) = shared() else { return };
    let admin = admin(server, "postgres").await;
    for (code, expected) in [
        ("23505", Effect::Duplicate),
        ("40001", Effect::Conflict),
        ("40P01", Effect::Conflict),
        ("55P03", Effect::Conflict),
        ("25P02", Effect::Consequence),
        ("25006", Effect::Lost),
        ("57P01", Effect::Lost),
        ("08006", Effect::Lost),
        ("22012", Effect::Refused),
        ("53100", Effect::Refused),
    ] {
        let raise = format!("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{code}'; END $$");
        let error = StatementError::from(admin.batch_execute(&raise).await.unwrap_err());
        assert_eq!(error.effect(), expected, "{code}");
        assert_eq!(error.is_full_disk(), code == "53100", "{code}");
    }
}
