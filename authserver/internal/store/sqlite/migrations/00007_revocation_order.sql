-- Old revocations are found by their age.
CREATE INDEX session_revocations_at_idx ON session_revocations (at);
