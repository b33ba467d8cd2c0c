-- Ours: the names of the migrations that ran on this database, and when. Those
-- that an older program ran have the instant at which this table was made.
CREATE TABLE auth.manacore_migrations (
    name       text PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT now()
);
