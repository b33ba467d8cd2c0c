-- Ours: when an operator shut a user out, and which sessions ended before
-- their time, for servers that remember verdicts. Rows are dropped when nobody
-- remembers anything that old.

ALTER TABLE users ADD COLUMN disabled_at INTEGER;

CREATE TABLE session_revocations (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    session_id TEXT NOT NULL,
    at         INTEGER NOT NULL
) STRICT;
