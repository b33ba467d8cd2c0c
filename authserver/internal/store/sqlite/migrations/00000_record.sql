-- The names of the migrations that ran on this database, and when, in
-- milliseconds since the Unix epoch. Those that an older program ran have the
-- instant at which this table was made.
CREATE TABLE manacore_migrations (
    name       TEXT PRIMARY KEY,
    applied_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
