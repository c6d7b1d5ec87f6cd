internal import InsightsEngine

/// The tables, in a schema of their own, and how older ones are brought up to date.
///
/// As in a file of SQLite's, instants are milliseconds since 1970, durations nanoseconds, enumerations the codes of
/// ``StoredCodes``, days days since 1970, truth values 1 and 0. Text sorts by bytes (`COLLATE "C"`), as it does there.
enum PostgresSchema {
    /// Where the tables are: never among somebody else's.
    static let name = "insights"
    /// Rises with each migration.
    static let version = 2
    /// Row numbers that a connection takes from their sequence at a time.
    static let rowsAtOnce: Int64 = 1024
    /// The database's clock now, not that of the transaction's begin: milliseconds since 1970.
    static let clock = "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)"
    /// Those of advisory locks: "insights" in ASCII, and what for.
    static let migrationLock: Int64 = 0x696e_7369_6768_7401
    static let entranceLock: Int64 = 0x696e_7369_6768_7402
    static let measuresLock: Int64 = 0x696e_7369_6768_7403

    /// Each version's statements, from 1.
    static let migrations = [tasks + runs + measures + requests, outcomes]

    /// `progress` is apart from `tasks`: it changes with every run, within its page (`fillfactor`, no index but its key).
    /// `node` is who holds the task.
    private static let tasks = """
        CREATE TABLE names (id INTEGER PRIMARY KEY GENERATED ALWAYS AS IDENTITY, text TEXT COLLATE "C" NOT NULL UNIQUE);
        CREATE TABLE tasks (
            id BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY, name TEXT COLLATE "C" NOT NULL UNIQUE,
            registered_at BIGINT, hash BIGINT NOT NULL, is_paused SMALLINT NOT NULL);
        CREATE INDEX tasks_paused ON tasks (id) WHERE is_paused = 1;
        CREATE TABLE progress (
            task_id BIGINT PRIMARY KEY, last_occurrence BIGINT, last_row BIGINT, last_success_at BIGINT, hand_at BIGINT,
            hand_row BIGINT, node BIGINT, held_epoch BIGINT) WITH (fillfactor = 50);
        CREATE TABLE marks (
            task_id BIGINT NOT NULL, upstream_id BIGINT NOT NULL, scheduled_at BIGINT NOT NULL,
            PRIMARY KEY (task_id, upstream_id));
        CREATE TABLE state (
            task_id BIGINT NOT NULL, key TEXT COLLATE "C" NOT NULL, value TEXT NOT NULL, PRIMARY KEY (task_id, key));
        CREATE TABLE nodes (
            number BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY, name TEXT COLLATE "C" NOT NULL, pid INTEGER NOT NULL,
            version TEXT NOT NULL, started_at BIGINT NOT NULL, renewed_at BIGINT NOT NULL, expires_at BIGINT NOT NULL,
            manifest BIGINT, running INTEGER NOT NULL, takes_share SMALLINT NOT NULL, is_dead SMALLINT NOT NULL,
            epoch BIGINT NOT NULL) WITH (fillfactor = 50);
        CREATE TABLE groups (name TEXT COLLATE "C" PRIMARY KEY);
        CREATE TABLE places (
            run UUID PRIMARY KEY, group_name TEXT COLLATE "C" NOT NULL, node BIGINT NOT NULL);
        CREATE INDEX places_by_group ON places (group_name);
        CREATE TABLE counters (id INTEGER PRIMARY KEY, epoch BIGINT NOT NULL, definitions BIGINT NOT NULL);
        INSERT INTO counters VALUES (1, 0, 0);

        """

    /// `runs_by_task` is both the claim (unique on task and occurrence; `is_occurrence` is NULL for a run by hand, and NULLs
    /// differ from one another) and a task's history. `runs_by_time` is the history in its order. Room is left on each page,
    /// as a run's start and its end write its row anew. Version 2 has other indexes (``outcomes``).
    private static let runs = """
        CREATE SEQUENCE run_rows INCREMENT BY \(rowsAtOnce);
        CREATE TABLE runs (
            row BIGINT PRIMARY KEY, id UUID NOT NULL, task_id BIGINT NOT NULL, scheduled_at BIGINT NOT NULL,
            started_at BIGINT, finished_at BIGINT, lateness BIGINT, duration BIGINT, retry_at BIGINT, until BIGINT,
            fence BIGINT NOT NULL, attempt_fence BIGINT NOT NULL, uses INTEGER NOT NULL, node INTEGER,
            attempt INTEGER NOT NULL, attempts INTEGER NOT NULL, failures INTEGER, losses INTEGER, samples INTEGER,
            count INTEGER, log_lines INTEGER, log_bytes INTEGER, log_dropped INTEGER, status SMALLINT NOT NULL,
            trigger SMALLINT NOT NULL, is_occurrence SMALLINT, moves_dependents SMALLINT NOT NULL,
            error_retryable SMALLINT, error_retry_at BIGINT, reason TEXT, summary TEXT, error_code TEXT,
            error_message TEXT) WITH (fillfactor = 60);
        CREATE UNIQUE INDEX runs_by_id ON runs (id);
        CREATE UNIQUE INDEX runs_by_task ON runs (task_id, scheduled_at, is_occurrence) INCLUDE (row, status);
        CREATE INDEX runs_by_time ON runs (scheduled_at, row);
        CREATE INDEX runs_by_status ON runs (status, scheduled_at, row);
        CREATE INDEX skipped_ranges ON runs (task_id, scheduled_at) WHERE until IS NOT NULL;
        CREATE TABLE log (
            run_row BIGINT NOT NULL, line INTEGER NOT NULL, at BIGINT NOT NULL, level TEXT NOT NULL,
            message TEXT NOT NULL, fields TEXT, PRIMARY KEY (run_row, line));
        CREATE TABLE checkpoints (
            number BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY, digest BIGINT NOT NULL UNIQUE);

        """

    /// `outcome` is 0 until the run has its end, then its status: it stands in the indexes in the place of `status`, so that
    /// a start changes none of them and stays within its page (a heap-only tuple).
    private static let outcomes = """
        ALTER TABLE runs ADD COLUMN outcome SMALLINT GENERATED ALWAYS AS (
            CAST(CASE WHEN status < \(StoredCodes.firstFinal) THEN 0 ELSE status END AS SMALLINT)) STORED;
        ALTER TABLE runs SET (fillfactor = 40);
        DROP INDEX runs_by_task;
        DROP INDEX runs_by_status;
        CREATE UNIQUE INDEX runs_by_task ON runs (task_id, scheduled_at, is_occurrence) INCLUDE (row, outcome);
        CREATE INDEX runs_by_outcome ON runs (outcome, scheduled_at, row);

        """

    /// A daily value takes its key, its number and little else; its key's order keeps a series together, however much
    /// history there is.
    private static let measures = """
        CREATE TABLE subjects (
            id BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY, kind TEXT COLLATE "C" NOT NULL,
            key TEXT COLLATE "C" NOT NULL, name TEXT COLLATE "C", url TEXT, parent_id BIGINT, state SMALLINT NOT NULL,
            external_id TEXT COLLATE "C");
        CREATE UNIQUE INDEX subjects_by_key ON subjects (key, kind);
        CREATE INDEX subjects_by_kind ON subjects (kind, key);
        CREATE INDEX subjects_by_external_id ON subjects (external_id, kind) WHERE external_id IS NOT NULL;
        CREATE INDEX subjects_by_parent ON subjects (parent_id) WHERE parent_id IS NOT NULL;
        CREATE TABLE aliases (
            number BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY, kind TEXT COLLATE "C" NOT NULL,
            key TEXT COLLATE "C" NOT NULL, subject_id BIGINT NOT NULL);
        CREATE INDEX aliases_by_key ON aliases (key, kind);
        CREATE INDEX aliases_by_subject ON aliases (subject_id);
        CREATE TABLE subject_events (
            number BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY, subject_id BIGINT NOT NULL, at BIGINT NOT NULL,
            event TEXT NOT NULL, former_key TEXT);
        CREATE INDEX subject_events_by_subject ON subject_events (subject_id);
        CREATE TABLE series (
            id INTEGER PRIMARY KEY GENERATED ALWAYS AS IDENTITY, subject_id BIGINT NOT NULL,
            metric TEXT COLLATE "C" NOT NULL, unit TEXT NOT NULL, shape SMALLINT NOT NULL, is_additive SMALLINT NOT NULL,
            latest_at BIGINT, latest_value DOUBLE PRECISION, sum_of INTEGER, stale_day BIGINT) WITH (fillfactor = 70);
        CREATE UNIQUE INDEX series_by_subject ON series (subject_id, metric);
        CREATE TABLE days (
            series_id INTEGER NOT NULL, day INTEGER NOT NULL, value DOUBLE PRECISION NOT NULL,
            PRIMARY KEY (series_id, day));
        CREATE TABLE readings (
            series_id INTEGER NOT NULL, at BIGINT NOT NULL, value DOUBLE PRECISION NOT NULL,
            PRIMARY KEY (series_id, at));
        CREATE TABLE rankings (
            series_id INTEGER NOT NULL, day INTEGER NOT NULL, at BIGINT NOT NULL, list TEXT NOT NULL,
            PRIMARY KEY (series_id, day));
        CREATE TABLE gaps (
            series_id INTEGER NOT NULL, from_day INTEGER NOT NULL, to_day INTEGER NOT NULL,
            PRIMARY KEY (series_id, from_day));

        """

    private static let requests = """
        CREATE TABLE requests (
            number BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY, id UUID NOT NULL UNIQUE, at BIGINT NOT NULL,
            kind SMALLINT NOT NULL, task TEXT COLLATE "C", dependents SMALLINT NOT NULL, batch SMALLINT NOT NULL, run UUID);
        CREATE TABLE answers (
            id UUID PRIMARY KEY, answered_at BIGINT NOT NULL, kind SMALLINT NOT NULL, run UUID, reason TEXT);
        CREATE TABLE probe (id BIGINT NOT NULL);

        """
}
