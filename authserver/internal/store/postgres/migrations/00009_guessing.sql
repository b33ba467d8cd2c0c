-- Ours: wrong passwords of the last hour, for the servers to tell each other.
-- subject is a keyed digest of an account, an address, a network or a device.
CREATE TABLE auth.password_failures (
    seq     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subject bytea NOT NULL,
    source  bigint NOT NULL,
    count   integer NOT NULL,
    at      timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX password_failures_at_idx ON auth.password_failures (at);

-- Ours: devices from which a user has logged in, as keyed digests.
CREATE TABLE auth.known_devices (
    digest     bytea PRIMARY KEY,
    user_id    text NOT NULL REFERENCES auth.users (id) ON DELETE CASCADE,
    session_id text NOT NULL,
    at         timestamptz NOT NULL
);
CREATE INDEX known_devices_user_idx ON auth.known_devices (user_id, at);
CREATE INDEX known_devices_session_idx ON auth.known_devices (session_id);
