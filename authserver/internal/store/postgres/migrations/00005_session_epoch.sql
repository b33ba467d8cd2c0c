-- Ours: a session belongs to an epoch of its user. To end all sessions of a
-- user begins a new epoch, which is one row however many sessions there are. A
-- session of an earlier epoch ended at sessions_ended_at, whether or not its
-- own row says so already.
ALTER TABLE auth.users
    ADD COLUMN session_epoch     bigint NOT NULL DEFAULT 0,
    ADD COLUMN sessions_ended_at timestamptz;
ALTER TABLE auth.sessions ADD COLUMN epoch bigint NOT NULL DEFAULT 0;

-- The sessions that may be live, in the order of their age. A refresh changes
-- none of these columns, and so no index.
CREATE INDEX sessions_unrevoked_idx ON auth.sessions (user_id, created_at, id) WHERE revoked_at IS NULL;

-- Ours: users whose sessions of earlier epochs are not all marked as revoked.
CREATE TABLE auth.session_endings (
    user_id text PRIMARY KEY REFERENCES auth.users (id) ON DELETE CASCADE
);
