//! The statements on the tables of qchat. All of them are plain SQL.

use tokio_postgres::{Client, Error, Statement};

/// The settings of each session, and whether the host accepts writes.
///
/// Plans: the tables hold keys and values, and each statement is a walk along an index; a plan that was made once
/// stays. So the statements leave the planner no choice: a plan for a small table would read all of a large one. Time: a transaction whose server has died ends, and so does a wait for its locks. Durability: a weaker
/// `synchronous_commit` of the database is raised, a stronger one stays.
pub(in crate::store::postgres) const SESSION: &str = "\
SET plan_cache_mode = force_generic_plan; \
SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_seqscan = off; \
SET enable_bitmapscan = off; SET jit = off; \
SET statement_timeout = 0; SET lock_timeout = '5s'; \
SET idle_in_transaction_session_timeout = '5s'; \
SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 2; \
SELECT set_config('synchronous_commit', 'on', false) \
WHERE current_setting('synchronous_commit') IN ('off', 'local', 'remote_write'); \
SHOW transaction_read_only";

macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident: $text:literal,)*) => {
        /// The prepared statements of one connection.
        #[derive(Clone)]
        pub(in crate::store::postgres) struct Statements {
            $($(#[$doc])* pub(in crate::store::postgres) $name: Statement,)*
        }

        impl Statements {
            /// Prepares all statements in one round trip.
            pub(in crate::store::postgres) async fn prepare(client: &Client) -> Result<Self, Error> {
                let ($($name,)*) = tokio::try_join!($(client.prepare($text),)*)?;
                Ok(Self { $($name,)* })
            }
        }
    };
}

statements! {
    /// Takes the next batch for this server, if nobody else has taken its name. The row stays locked until the end of
    /// the transaction.
    take_batch: "UPDATE writer SET batch = $3 WHERE node = $1 AND incarnation = $2",
    /// Locks entities, always in the same order.
    lock: "SELECT count(*) FROM (SELECT h FROM entity_lock WHERE h = ANY ($1::int[]) ORDER BY h FOR UPDATE) AS locked",
    /// Reads rows by their keys.
    rows: "SELECT n.i, r.v FROM unnest($1::smallint[], $2::bytea[]) WITH ORDINALITY AS n (t, k, i), \
           LATERAL (SELECT kv.v FROM kv WHERE kv.t = n.t AND kv.k = n.k LIMIT 1) AS r",
    /// Reads the first rows of ranges.
    ranges: "SELECT n.i, r.k, r.v \
             FROM unnest($1::smallint[], $2::bytea[], $3::bytea[], $4::bigint[]) \
             WITH ORDINALITY AS n (t, first, ending, most, i), \
             LATERAL (SELECT kv.k, kv.v FROM kv WHERE kv.t = n.t AND kv.k >= n.first AND kv.k < n.ending \
             ORDER BY kv.k LIMIT n.most) AS r",
    /// Writes new rows.
    insert: "INSERT INTO kv (t, k, v) SELECT n.t, n.k, n.v \
             FROM unnest($1::smallint[], $2::bytea[], $3::bytea[]) AS n (t, k, v)",
    /// Writes rows that may exist.
    upsert: "INSERT INTO kv (t, k, v) SELECT n.t, n.k, n.v \
             FROM unnest($1::smallint[], $2::bytea[], $3::bytea[]) AS n (t, k, v) \
             ON CONFLICT (t, k) DO UPDATE SET v = excluded.v",
    /// Removes rows that may exist.
    delete: "DELETE FROM kv WHERE ctid = ANY (ARRAY(SELECT r.ctid \
             FROM unnest($1::smallint[], $2::bytea[]) AS n (t, k), \
             LATERAL (SELECT kv.ctid FROM kv WHERE kv.t = n.t AND kv.k = n.k LIMIT 1) AS r))",
}
