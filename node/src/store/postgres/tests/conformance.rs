//! The tests of the store, on PostgreSQL.

use super::local_server::shared;
use crate::store::tests::{self as store_tests, NEW_DATABASE};

macro_rules! on_postgresql {
    ($($module:ident: $($test:ident),*;)*) => {
        $(mod $module {
            $(#[test]
            fn $test() {
                super::run(super::store_tests::$module::$test);
            })*
        })*
    };
}

/// Runs a test whose stores are databases.
fn run(test: fn()) {
    if shared().is_some() {
        NEW_DATABASE.set(Some(|| shared().unwrap().database().0));
        test();
    }
}

on_postgresql! {
    history:
        a_message_that_was_marked_before_it_was_sent_is_unread,
        a_long_history_comes_in_pages_with_each_message_once,
        a_note_to_oneself_is_in_the_mailbox_once_and_unread;
    leaving:
        a_user_who_has_left_neither_reads_nor_writes;
    promises:
        a_repeated_send_returns_the_first_answer_also_after_a_restart,
        repetitions_in_one_batch_are_one_message,
        an_id_stands_for_one_content_of_one_sender,
        an_id_stands_for_one_name_in_one_folder,
        accounts_and_groups_are_made_once,
        permission_is_that_of_the_moment_when_the_change_is_made,
        a_user_with_the_most_groups_can_leave_one_and_join_another,
        a_repeated_creation_of_a_group_notifies_nobody;
    sessions:
        an_ended_session_stays_ended_and_the_oldest_session_is_evicted,
        sessions_that_are_online_or_were_used_again_are_evicted_last,
        of_two_sessions_with_one_id_the_later_stays,
        only_their_own_user_ends_sessions_one_by_one_or_all,
        a_session_starts_only_by_the_current_password,
        a_changed_password_ends_the_other_sessions_once,
        a_session_that_ended_meanwhile_changes_no_password;
    rows_read:
        every_query_counts_the_rows_that_it_leaves_out,
        a_list_of_files_goes_on_after_a_page_of_copies,
        a_change_counts_its_rows_too,
        a_long_row_counts_as_several;
}
