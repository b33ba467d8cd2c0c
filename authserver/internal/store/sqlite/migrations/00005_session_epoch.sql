-- A session belongs to an epoch of its user. To end all sessions of a user
-- begins a new epoch, which is one row however many sessions there are. A
-- session of an earlier epoch ended at sessions_ended_at, whether or not its
-- own row says so already.
ALTER TABLE users ADD COLUMN session_epoch INTEGER NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN sessions_ended_at INTEGER;
ALTER TABLE sessions ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0;

-- The sessions that may be live, in the order of their age. A refresh changes
-- none of these columns, and so no index.
CREATE INDEX sessions_unrevoked_idx ON sessions (user_id, created_at, id) WHERE revoked_at IS NULL;

-- Users whose sessions of earlier epochs are not all marked as revoked.
CREATE TABLE session_endings (
    user_id TEXT PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
