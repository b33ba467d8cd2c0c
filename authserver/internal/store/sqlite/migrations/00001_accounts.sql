-- Table and column names are those of the existing service's schema "auth".
-- Instants are milliseconds since the Unix epoch, UTC.

CREATE TABLE users (
    id             TEXT PRIMARY KEY,
    name           TEXT NOT NULL,
    email          TEXT NOT NULL UNIQUE,
    email_verified INTEGER NOT NULL DEFAULT 0,
    image          TEXT,
    role           TEXT NOT NULL DEFAULT 'user' CHECK (role IN ('user', 'admin', 'service')),
    created_at     INTEGER NOT NULL,
    updated_at     INTEGER NOT NULL,
    deleted_at     INTEGER
) STRICT;

CREATE TABLE accounts (
    id          TEXT PRIMARY KEY,
    account_id  TEXT NOT NULL,
    provider_id TEXT NOT NULL,
    user_id     TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    password    TEXT,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    UNIQUE (provider_id, account_id)
) STRICT;
CREATE INDEX accounts_user_id_idx ON accounts (user_id);

-- One row a login. The existing service's columns token and refresh_token
-- hold tokens in the clear and have no place here.
CREATE TABLE sessions (
    id               TEXT PRIMARY KEY,
    user_id          TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    expires_at       INTEGER NOT NULL,
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL,
    last_activity_at INTEGER NOT NULL,
    revoked_at       INTEGER,
    remember_me      INTEGER NOT NULL DEFAULT 0,
    ip_address       TEXT,
    user_agent       TEXT,
    device_id        TEXT,
    device_name      TEXT
) STRICT;
CREATE INDEX sessions_user_id_idx ON sessions (user_id);

-- A table of our own: one row a refresh token, by its SHA-256. A spent token
-- points at its successor and, until that one is used, keeps it sealed under
-- a key that only the spent token's holder can derive.
CREATE TABLE refresh_tokens (
    hash             BLOB PRIMARY KEY CHECK (length(hash) = 32),
    session_id       TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    created_at       INTEGER NOT NULL,
    spent_at         INTEGER,
    successor_hash   BLOB UNIQUE REFERENCES refresh_tokens (hash) DEFERRABLE INITIALLY DEFERRED,
    sealed_successor BLOB,
    CHECK ((spent_at IS NULL) = (successor_hash IS NULL)),
    CHECK (sealed_successor IS NULL OR spent_at IS NOT NULL)
) STRICT, WITHOUT ROWID;
-- A session has one unspent token and never two, whatever the code does.
CREATE UNIQUE INDEX refresh_tokens_unspent_idx ON refresh_tokens (session_id) WHERE spent_at IS NULL;
CREATE INDEX refresh_tokens_session_id_idx ON refresh_tokens (session_id);

CREATE TABLE jwks (
    id          TEXT PRIMARY KEY,
    public_key  TEXT NOT NULL,
    private_key TEXT NOT NULL,
    created_at  INTEGER NOT NULL
) STRICT;

CREATE TABLE security_events (
    id         TEXT PRIMARY KEY DEFAULT (lower(hex(randomblob(16)))),
    user_id    TEXT REFERENCES users (id) ON DELETE CASCADE,
    event_type TEXT NOT NULL,
    ip_address TEXT,
    user_agent TEXT,
    metadata   TEXT,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX security_events_user_id_idx ON security_events (user_id, created_at);
