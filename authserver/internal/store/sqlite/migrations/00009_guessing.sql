-- Wrong passwords of the last hour, for the servers to tell each other. subject
-- is a keyed digest of an account, an address, a network or a device.
CREATE TABLE password_failures (
    seq     INTEGER PRIMARY KEY AUTOINCREMENT,
    subject BLOB NOT NULL,
    source  INTEGER NOT NULL,
    count   INTEGER NOT NULL,
    at      INTEGER NOT NULL
) STRICT;
CREATE INDEX password_failures_at_idx ON password_failures (at);

-- Devices from which a user has logged in, as keyed digests.
CREATE TABLE known_devices (
    digest     BLOB PRIMARY KEY,
    user_id    TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    session_id TEXT NOT NULL,
    at         INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX known_devices_user_idx ON known_devices (user_id, at);
CREATE INDEX known_devices_session_idx ON known_devices (session_id);
