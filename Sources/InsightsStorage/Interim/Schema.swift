/// The tables, version 1. Instants are milliseconds since the epoch, ids of runs 16 bytes.
enum Schema {
    static let applicationID = 0x494E_5347
    static let version = 1

    static let sql = """
        CREATE TABLE tasks(
            id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, registered_at INTEGER NOT NULL, hash INTEGER NOT NULL,
            paused INTEGER NOT NULL DEFAULT 0, last_success INTEGER);
        CREATE TABLE marks(
            task INTEGER NOT NULL, upstream INTEGER NOT NULL, scheduled_at INTEGER NOT NULL,
            PRIMARY KEY(task, upstream)) WITHOUT ROWID;
        CREATE TABLE runs(
            seq INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, task INTEGER NOT NULL, uses TEXT NOT NULL,
            trigger TEXT NOT NULL, occurrence INTEGER, scheduled_at INTEGER NOT NULL, status TEXT NOT NULL,
            fence INTEGER NOT NULL DEFAULT 0, attempt INTEGER NOT NULL DEFAULT 0, attempts INTEGER NOT NULL DEFAULT 1,
            failures INTEGER NOT NULL DEFAULT 0, losses INTEGER NOT NULL DEFAULT 0, moves INTEGER NOT NULL DEFAULT 0,
            started_at INTEGER, finished_at INTEGER, retry_at INTEGER, lateness INTEGER, duration INTEGER, node TEXT,
            reason TEXT, samples INTEGER NOT NULL DEFAULT 0, summary TEXT, until INTEGER, count INTEGER NOT NULL DEFAULT 1,
            error_code TEXT, error_message TEXT, error_retryable INTEGER, error_retry_at INTEGER,
            UNIQUE(task, occurrence));
        CREATE INDEX runs_by_time ON runs(scheduled_at, seq);
        CREATE INDEX runs_unfinished ON runs(status) WHERE status IN ('queued','running','retrying','interrupted');
        CREATE TABLE logs(
            run BLOB NOT NULL, line INTEGER NOT NULL, at INTEGER NOT NULL, level TEXT NOT NULL, message TEXT NOT NULL,
            fields TEXT, PRIMARY KEY(run, line)) WITHOUT ROWID;
        CREATE TABLE state(
            task INTEGER NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY(task, key)) WITHOUT ROWID;
        CREATE TABLE subjects(
            id INTEGER PRIMARY KEY, kind TEXT NOT NULL, key TEXT NOT NULL, name TEXT, url TEXT, parent_kind TEXT,
            parent_key TEXT, state TEXT NOT NULL, state_at INTEGER NOT NULL, external_id TEXT, UNIQUE(kind, key));
        CREATE INDEX subjects_external ON subjects(kind, external_id) WHERE external_id IS NOT NULL;
        CREATE TABLE aliases(
            kind TEXT NOT NULL, key TEXT NOT NULL, subject INTEGER NOT NULL, at INTEGER NOT NULL,
            PRIMARY KEY(kind, key, subject)) WITHOUT ROWID;
        CREATE TABLE series(
            id INTEGER PRIMARY KEY, subject INTEGER NOT NULL, metric TEXT NOT NULL, unit TEXT NOT NULL,
            shape TEXT NOT NULL, additive INTEGER NOT NULL, latest_at INTEGER, latest, UNIQUE(subject, metric));
        CREATE TABLE samples(
            series INTEGER NOT NULL, at INTEGER NOT NULL, value NOT NULL, PRIMARY KEY(series, at)) WITHOUT ROWID;
        CREATE TABLE gaps(
            series INTEGER NOT NULL, start INTEGER NOT NULL, stop INTEGER NOT NULL, PRIMARY KEY(series, start)) WITHOUT ROWID;
        CREATE TABLE requests(
            id BLOB PRIMARY KEY, kind TEXT NOT NULL, body TEXT NOT NULL, at INTEGER NOT NULL, answer TEXT);
        """
}
