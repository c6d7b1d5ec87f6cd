internal import GRDB

/// The tables, and how older files get them.
///
/// Instants are milliseconds since 1970, durations nanoseconds, ids of runs 16 bytes, enumerations the codes of
/// ``StoredCodes``, days days since 1970.
enum SQLiteSchema {
    /// Told by `PRAGMA application_id` and `file(1)`: "isgt".
    static let applicationID: Int32 = 0x6973_6774
    /// Told by `PRAGMA user_version`: rises with each migration. The last one sets it: a new file has none before, so that
    /// whoever reads it while it is made does not take it for an older program's.
    static let version: Int32 = 2
    /// Runs of one part of `runs_by_task`, as a shift of the row's number: 16 384.
    static let partShift: Int64 = 14

    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1") { db in
            try db.execute(sql: tasks + runs + measures + requests)
            try db.execute(sql: "PRAGMA application_id = \(applicationID)")
        }
        migrator.registerMigration("2") { db in
            try db.execute(sql: rollUps + "PRAGMA user_version = \(version)")
        }
        return migrator
    }

    /// The parts of `runs_by_task`, oldest first.
    static func parts(_ db: Database) throws -> ClosedRange<Int64> {
        let ends = try Row.fetchOne(db, sql: "SELECT (SELECT min(row) FROM runs), (SELECT max(row) FROM runs)")
        let (first, last) = (try ends?.optionalInteger(0), try ends?.optionalInteger(1))
        let (low, high) = (first ?? 0, last ?? 0)
        // More runs than a file can hold would have a search go on for ever.
        guard low >= 0, high >> partShift < 1 << 20 else { throw UnreadableValue(column: "row", value: String(high)) }
        return low >> partShift...max(low, high) >> partShift
    }

    /// `progress` is apart from `tasks`: it changes with every run, and its short rows keep what a batch touches small.
    private static let tasks = """
        CREATE TABLE names (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);
        CREATE TABLE tasks (
            id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, registered_at INTEGER, hash INTEGER NOT NULL,
            is_paused INTEGER NOT NULL);
        CREATE TABLE progress (
            task_id INTEGER PRIMARY KEY,
            -- The newest occurrence, and the row that tells it.
            last_occurrence INTEGER, last_row INTEGER,
            last_success_at INTEGER,
            -- The newest run without an occurrence.
            hand_at INTEGER, hand_row INTEGER);
        CREATE TABLE marks (
            task_id INTEGER NOT NULL, upstream_id INTEGER NOT NULL, scheduled_at INTEGER NOT NULL,
            PRIMARY KEY (task_id, upstream_id)) WITHOUT ROWID;
        CREATE TABLE state (
            task_id INTEGER NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (task_id, key));

        """

    /// Four indexes, as each claim pays for each.
    ///
    /// `runs_by_time` is both the claim (unique on task and occurrence; `is_occurrence` is NULL for a run by hand, and
    /// NULLs differ from one another) and the history. Time comes first in it: the claims of one moment fall on
    /// neighbouring pages, where an index that begins with the task would touch a page for each. `runs_by_task` has
    /// that locality too, as it is cut into parts of 16 384 runs: a batch touches the pages of the last part only, and a
    /// search asks each part, 61 for a million runs. `runs_by_status` holds the row's number before the task so that its order
    /// is that of the history.
    private static let runs = """
        CREATE TABLE runs (
            row INTEGER PRIMARY KEY, id BLOB NOT NULL, task_id INTEGER NOT NULL, is_occurrence INTEGER,
            scheduled_at INTEGER NOT NULL, uses INTEGER NOT NULL, trigger INTEGER NOT NULL, status INTEGER NOT NULL,
            fence INTEGER NOT NULL, attempt_fence INTEGER NOT NULL, attempt INTEGER NOT NULL,
            attempts INTEGER NOT NULL, moves_dependents INTEGER NOT NULL, node INTEGER, started_at INTEGER,
            lateness INTEGER, finished_at INTEGER, duration INTEGER, samples INTEGER, failures INTEGER,
            losses INTEGER, retry_at INTEGER, count INTEGER, until INTEGER, log_lines INTEGER, log_bytes INTEGER,
            log_dropped INTEGER, reason TEXT, summary TEXT, error_code TEXT, error_message TEXT,
            error_retryable INTEGER, error_retry_at INTEGER);
        CREATE UNIQUE INDEX runs_by_id ON runs (id);
        CREATE UNIQUE INDEX runs_by_time ON runs (scheduled_at, task_id, is_occurrence);
        CREATE INDEX runs_by_task ON runs (row >> \(partShift), task_id, scheduled_at);
        CREATE INDEX runs_by_status ON runs (status, scheduled_at, row, task_id);
        CREATE INDEX skipped_ranges ON runs (task_id, scheduled_at) WHERE until IS NOT NULL;
        CREATE TABLE log (
            run_row INTEGER NOT NULL, line INTEGER NOT NULL, at INTEGER NOT NULL, level TEXT NOT NULL,
            message TEXT NOT NULL, fields TEXT, PRIMARY KEY (run_row, line)) WITHOUT ROWID;
        CREATE TABLE checkpoints (number INTEGER PRIMARY KEY, digest INTEGER NOT NULL UNIQUE);

        """

    /// `days` and `readings` have no row number of their own: a daily value takes its key, its number and little else.
    private static let measures = """
        CREATE TABLE subjects (
            id INTEGER PRIMARY KEY, kind TEXT NOT NULL, key TEXT NOT NULL, name TEXT, url TEXT, parent_id INTEGER,
            state INTEGER NOT NULL, external_id TEXT);
        CREATE UNIQUE INDEX subjects_by_key ON subjects (key, kind);
        CREATE INDEX subjects_by_external_id ON subjects (external_id, kind) WHERE external_id IS NOT NULL;
        CREATE INDEX subjects_by_parent ON subjects (parent_id) WHERE parent_id IS NOT NULL;
        CREATE TABLE aliases (
            number INTEGER PRIMARY KEY, kind TEXT NOT NULL, key TEXT NOT NULL, subject_id INTEGER NOT NULL);
        CREATE INDEX aliases_by_key ON aliases (key, kind);
        CREATE INDEX aliases_by_subject ON aliases (subject_id);
        CREATE TABLE subject_events (
            number INTEGER PRIMARY KEY, subject_id INTEGER NOT NULL, at INTEGER NOT NULL, event TEXT NOT NULL,
            former_key TEXT);
        CREATE INDEX subject_events_by_subject ON subject_events (subject_id);
        CREATE TABLE series (
            id INTEGER PRIMARY KEY, subject_id INTEGER NOT NULL, metric TEXT NOT NULL, unit TEXT NOT NULL,
            shape INTEGER NOT NULL, is_additive INTEGER NOT NULL, latest_at INTEGER, latest_value);
        CREATE UNIQUE INDEX series_by_subject ON series (subject_id, metric);
        CREATE TABLE days (
            series_id INTEGER NOT NULL, day INTEGER NOT NULL, value NOT NULL,
            PRIMARY KEY (series_id, day)) WITHOUT ROWID;
        CREATE TABLE readings (
            series_id INTEGER NOT NULL, at INTEGER NOT NULL, value NOT NULL,
            PRIMARY KEY (series_id, at)) WITHOUT ROWID;
        CREATE TABLE rankings (
            series_id INTEGER NOT NULL, day INTEGER NOT NULL, at INTEGER NOT NULL, list TEXT NOT NULL,
            PRIMARY KEY (series_id, day));
        CREATE TABLE gaps (
            series_id INTEGER NOT NULL, from_day INTEGER NOT NULL, to_day INTEGER NOT NULL,
            PRIMARY KEY (series_id, from_day)) WITHOUT ROWID;

        """

    private static let rollUps = """
        -- Of a roll-up: how many subjects it is the sum of, and the first day on which it may no longer be.
        ALTER TABLE series ADD COLUMN sum_of INTEGER;
        ALTER TABLE series ADD COLUMN stale_day INTEGER;

        """

    private static let requests = """
        CREATE TABLE requests (
            number INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, at INTEGER NOT NULL, kind INTEGER NOT NULL, task TEXT,
            dependents INTEGER NOT NULL, batch INTEGER NOT NULL, run BLOB);
        CREATE TABLE answers (
            id BLOB PRIMARY KEY, answered_at INTEGER NOT NULL, kind INTEGER NOT NULL, run BLOB, reason TEXT);
        CREATE TABLE probe (id INTEGER PRIMARY KEY, count INTEGER NOT NULL);
        INSERT INTO probe VALUES (1, 0);
        """
}
