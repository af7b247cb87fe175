//! What only this store has to show, beside the suite that all stores run:
//! that every statement runs on both servers, and how it behaves when
//! connections, transactions and migrations go wrong. Each check makes
//! databases of its own on the server and removes them; each panics when
//! something is not as it should be.
//!
//! Fail points are global to a process, so checks run one after another.

mod board;
mod changes;
mod commits;
mod fixture;
mod following;
mod migrations;
mod plans;
mod pool;
mod rolled_back;
mod statements;

use std::pin::Pin;

/// A check: takes the server's URL.
pub type Check = fn(String) -> Pin<Box<dyn Future<Output = ()> + Send>>;

macro_rules! checks {
    ($($module:ident :: $name:ident),+ $(,)?) => {
        /// All checks with their names.
        pub const CHECKS: &[(&str, Check)] = &[$((stringify!($name), |url| Box::pin($module::$name(url)))),+];
    };
}

checks! {
    statements::every_statement_runs,
    statements::long_slices_are_cut_up,
    statements::recent_messages_page_like_a_sorted_list,
    board::notes_are_read_in_order_and_keep_the_list_in_step,
    board::a_node_that_is_not_on_the_board_is_told_so,
    board::a_node_lives_as_long_as_it_said,
    board::a_poll_tells_of_the_log_too,
    changes::changes_take_few_round_trips,
    commits::positions_are_dense_in_every_partition,
    commits::without_a_counter_nothing_is_committed,
    commits::a_lost_commit_changes_nothing_and_says_unknown,
    commits::a_lost_answer_says_unknown_and_the_change_is_there,
    commits::a_held_counter_holds_up_its_partition_alone,
    commits::a_deadlock_is_a_conflict_and_the_victim_commits_nothing,
    commits::a_taken_key_is_named,
    following::only_what_somebody_connected_receives_is_looked_up,
    plans::what_is_frequent_takes_few_round_trips_whatever_its_size_and_goes_by_index,
    pool::a_dropped_transaction_is_undone,
    pool::a_dropped_statement_costs_its_connection_only,
    pool::a_killed_connection_is_replaced_unnoticed,
    pool::a_silent_transaction_is_ended_by_the_server,
    pool::a_snapshot_stays_as_it_was,
    pool::an_exhausted_pool_is_unavailable_in_time,
    pool::a_failed_connection_is_explained_in_one_line,
    migrations::up_and_down_leave_nothing_behind,
    migrations::many_processes_may_migrate_at_once,
    migrations::a_failed_migration_goes_on_where_it_failed,
    migrations::a_statement_whose_record_was_lost_is_run_again,
    migrations::users_of_an_older_version_get_their_terms,
    migrations::a_strange_history_is_refused,
    migrations::a_store_refuses_pending_migrations,
    rolled_back::a_rolled_back_store_leaves_no_trace,
    rolled_back::a_second_transaction_fails_loudly,
    rolled_back::a_conflict_spoils_the_case,
}
