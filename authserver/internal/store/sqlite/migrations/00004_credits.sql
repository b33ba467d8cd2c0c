-- The ledger of credits. It names users and does not reference them: it
-- outlives their deletion. Days are counted from 1970-01-01, UTC.

CREATE TABLE credit_accounts (
    user_id    TEXT PRIMARY KEY,
    paid       INTEGER NOT NULL CHECK (paid >= 0),
    free       INTEGER NOT NULL CHECK (free >= 0),
    held_paid  INTEGER NOT NULL CHECK (held_paid >= 0),
    held_free  INTEGER NOT NULL CHECK (held_free >= 0),
    earned     INTEGER NOT NULL CHECK (earned >= 0),
    given      INTEGER NOT NULL CHECK (given >= 0),
    spent      INTEGER NOT NULL CHECK (spent >= 0),
    entries    INTEGER NOT NULL CHECK (entries >= 0),
    last_day   INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    CHECK (paid + free + held_paid + held_free = earned + given - spent)
) STRICT;

-- One row a movement. Rows are never changed or removed: see the triggers.
CREATE TABLE credit_transactions (
    id              TEXT PRIMARY KEY,
    user_id         TEXT NOT NULL,
    entry           INTEGER NOT NULL CHECK (entry > 0),
    type            TEXT NOT NULL CHECK (type IN ('purchase', 'usage', 'refund', 'bonus', 'expiry', 'adjustment')),
    source          TEXT NOT NULL CHECK (source IN ('system', 'user', 'service')),
    amount          INTEGER NOT NULL CHECK (amount <> 0 AND (amount < 0) = (type IN ('usage', 'expiry'))),
    free            INTEGER NOT NULL CHECK (abs(free) <= abs(amount)),
    balance_before  INTEGER NOT NULL CHECK (balance_before >= 0),
    balance_after   INTEGER NOT NULL CHECK (balance_after >= 0 AND balance_after = balance_before + amount),
    paid_after      INTEGER NOT NULL CHECK (paid_after >= 0),
    free_after      INTEGER NOT NULL CHECK (free_after >= 0),
    spent_after     INTEGER NOT NULL CHECK (spent_after >= 0),
    app_id          TEXT NOT NULL,
    description     TEXT NOT NULL,
    metadata        TEXT,
    organization_id TEXT,
    idempotency_key TEXT,
    body_hash       BLOB CHECK (length(body_hash) = 32),
    refund_of       TEXT REFERENCES credit_transactions (id),
    reservation_id  TEXT,
    reference_id    TEXT,
    created_at      INTEGER NOT NULL,
    UNIQUE (user_id, entry),
    CHECK ((refund_of IS NOT NULL) = (type = 'refund')),
    CHECK (idempotency_key IS NULL OR body_hash IS NOT NULL)
) STRICT;
CREATE UNIQUE INDEX credit_transactions_key_idx ON credit_transactions (user_id, app_id, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE UNIQUE INDEX credit_transactions_reference_idx ON credit_transactions (app_id, reference_id) WHERE reference_id IS NOT NULL;
CREATE UNIQUE INDEX credit_transactions_reservation_idx ON credit_transactions (reservation_id) WHERE reservation_id IS NOT NULL;
CREATE INDEX credit_transactions_refund_idx ON credit_transactions (refund_of) WHERE refund_of IS NOT NULL;

CREATE TRIGGER credit_transactions_no_update BEFORE UPDATE ON credit_transactions
BEGIN SELECT RAISE(ABORT, 'credit_transactions is append-only'); END;
CREATE TRIGGER credit_transactions_no_delete BEFORE DELETE ON credit_transactions
BEGIN SELECT RAISE(ABORT, 'credit_transactions is append-only'); END;
-- REPLACE removes the row in its way and fires no trigger for that. The index
-- that finds such a row is one of these.
CREATE TRIGGER credit_transactions_no_replace BEFORE INSERT ON credit_transactions
WHEN EXISTS (SELECT 1 FROM credit_transactions t WHERE t.rowid = NEW.rowid)
    OR EXISTS (SELECT 1 FROM credit_transactions t WHERE t.id = NEW.id)
    OR EXISTS (SELECT 1 FROM credit_transactions t WHERE t.user_id = NEW.user_id AND t.entry = NEW.entry)
    OR EXISTS (SELECT 1 FROM credit_transactions t
        WHERE t.user_id = NEW.user_id AND t.app_id = NEW.app_id AND t.idempotency_key = NEW.idempotency_key)
    OR EXISTS (SELECT 1 FROM credit_transactions t WHERE t.app_id = NEW.app_id AND t.reference_id = NEW.reference_id)
    OR EXISTS (SELECT 1 FROM credit_transactions t WHERE t.reservation_id = NEW.reservation_id)
BEGIN SELECT RAISE(ABORT, 'credit_transactions is append-only'); END;

CREATE TABLE credit_reservations (
    id              TEXT PRIMARY KEY,
    user_id         TEXT NOT NULL,
    app_id          TEXT NOT NULL,
    amount          INTEGER NOT NULL CHECK (amount > 0),
    free            INTEGER NOT NULL CHECK (free >= 0 AND free <= amount),
    reason          TEXT NOT NULL,
    organization_id TEXT,
    idempotency_key TEXT,
    body_hash       BLOB CHECK (length(body_hash) = 32),
    balance         INTEGER NOT NULL CHECK (balance >= 0),
    created_at      INTEGER NOT NULL,
    expires_at      INTEGER NOT NULL CHECK (expires_at > created_at),
    state           TEXT NOT NULL CHECK (state IN ('open', 'committed', 'released', 'expired')),
    settled_at      INTEGER,
    charged         INTEGER CHECK (charged > 0 AND charged <= amount),
    transaction_id  TEXT,
    settled_balance INTEGER,
    CHECK ((settled_at IS NULL) = (state = 'open')),
    CHECK ((settled_balance IS NULL) = (state = 'open')),
    CHECK ((charged IS NOT NULL) = (state = 'committed')),
    CHECK ((transaction_id IS NOT NULL) = (state = 'committed')),
    CHECK (idempotency_key IS NULL OR body_hash IS NOT NULL)
) STRICT;
CREATE UNIQUE INDEX credit_reservations_key_idx ON credit_reservations (user_id, app_id, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX credit_reservations_open_idx ON credit_reservations (user_id, expires_at) WHERE state = 'open';
CREATE INDEX credit_reservations_expiry_idx ON credit_reservations (expires_at) WHERE state = 'open';

CREATE TABLE credit_usage (
    user_id  TEXT NOT NULL,
    app_id   TEXT NOT NULL,
    day      INTEGER NOT NULL,
    used     INTEGER NOT NULL CHECK (used >= 0),
    refunded INTEGER NOT NULL CHECK (refunded >= 0),
    uses     INTEGER NOT NULL CHECK (uses >= 0),
    PRIMARY KEY (user_id, day, app_id)
) STRICT, WITHOUT ROWID;

-- By the SHA-256 of the key. Rows stay when a key is revoked.
CREATE TABLE service_keys (
    id         TEXT PRIMARY KEY,
    app_id     TEXT NOT NULL,
    hash       BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    operations TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER
) STRICT;
