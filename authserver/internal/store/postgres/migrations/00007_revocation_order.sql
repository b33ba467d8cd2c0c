-- Ours: revocations are read by the transaction that stored them, and not by a
-- number that a transaction may take long before it commits. The database fills
-- the column.
ALTER TABLE auth.session_revocations
    ADD COLUMN xid bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint);
CREATE INDEX session_revocations_xid_idx ON auth.session_revocations (xid);
CREATE INDEX session_revocations_at_idx ON auth.session_revocations (at);
