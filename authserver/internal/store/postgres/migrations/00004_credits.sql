-- The ledger of credits: tables of our own, beside the existing service's
-- schema "credits". It names users and does not reference them, and so
-- outlives their deletion.

CREATE TABLE auth.credit_accounts (
    user_id    text NOT NULL CONSTRAINT credit_accounts_pkey PRIMARY KEY,
    paid       bigint NOT NULL CHECK (paid >= 0),
    free       bigint NOT NULL CHECK (free >= 0),
    held_paid  bigint NOT NULL CHECK (held_paid >= 0),
    held_free  bigint NOT NULL CHECK (held_free >= 0),
    earned     bigint NOT NULL CHECK (earned >= 0),
    given      bigint NOT NULL CHECK (given >= 0),
    spent      bigint NOT NULL CHECK (spent >= 0),
    entries    bigint NOT NULL CHECK (entries >= 0),
    last_day   date NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CHECK (paid + free + held_paid + held_free = earned + given - spent)
) WITH (fillfactor = 70); -- room for the next version of a row on its page

-- One row a movement. Rows are never changed or removed: see the triggers.
CREATE TABLE auth.credit_transactions (
    id              uuid PRIMARY KEY,
    user_id         text NOT NULL,
    entry           bigint NOT NULL CHECK (entry > 0),
    type            text NOT NULL CHECK (type IN ('purchase', 'usage', 'refund', 'bonus', 'expiry', 'adjustment')),
    source          text NOT NULL CHECK (source IN ('system', 'user', 'service')),
    amount          bigint NOT NULL CHECK (amount <> 0 AND (amount < 0) = (type IN ('usage', 'expiry'))),
    free            bigint NOT NULL CHECK (abs(free) <= abs(amount)),
    balance_before  bigint NOT NULL CHECK (balance_before >= 0),
    balance_after   bigint NOT NULL CHECK (balance_after >= 0 AND balance_after = balance_before + amount),
    paid_after      bigint NOT NULL CHECK (paid_after >= 0),
    free_after      bigint NOT NULL CHECK (free_after >= 0),
    spent_after     bigint NOT NULL CHECK (spent_after >= 0),
    app_id          text NOT NULL,
    description     text NOT NULL,
    metadata        json,
    organization_id text,
    idempotency_key text,
    key_hash        bytea CHECK (octet_length(key_hash) = 32),
    body_hash       bytea CHECK (octet_length(body_hash) = 32),
    refund_of       uuid REFERENCES auth.credit_transactions (id),
    reservation_id  uuid,
    reference_id    text,
    created_at      timestamptz NOT NULL,
    CONSTRAINT credit_transactions_entry_key UNIQUE (user_id, entry),
    CHECK ((refund_of IS NOT NULL) = (type = 'refund')),
    CHECK ((idempotency_key IS NULL) = (key_hash IS NULL)),
    CHECK (idempotency_key IS NULL OR body_hash IS NOT NULL)
);
-- By the SHA-256 of user, app and key. By these themselves a key could also be
-- looked for in the index of the entries, among all of its user's, and where
-- the statistics are those of an empty table, it is.
CREATE UNIQUE INDEX credit_transactions_key_idx ON auth.credit_transactions (key_hash) WHERE key_hash IS NOT NULL;
CREATE UNIQUE INDEX credit_transactions_reference_idx ON auth.credit_transactions (app_id, reference_id) WHERE reference_id IS NOT NULL;
CREATE UNIQUE INDEX credit_transactions_reservation_idx ON auth.credit_transactions (reservation_id) WHERE reservation_id IS NOT NULL;
CREATE INDEX credit_transactions_refund_idx ON auth.credit_transactions (refund_of) WHERE refund_of IS NOT NULL;

CREATE FUNCTION auth.credit_transactions_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'credit_transactions is append-only';
END
$$;
CREATE TRIGGER credit_transactions_append_only BEFORE UPDATE OR DELETE ON auth.credit_transactions
    FOR EACH ROW EXECUTE FUNCTION auth.credit_transactions_append_only();
CREATE TRIGGER credit_transactions_no_truncate BEFORE TRUNCATE ON auth.credit_transactions
    FOR EACH STATEMENT EXECUTE FUNCTION auth.credit_transactions_append_only();

CREATE TABLE auth.credit_reservations (
    id              uuid PRIMARY KEY,
    user_id         text NOT NULL,
    app_id          text NOT NULL,
    amount          bigint NOT NULL CHECK (amount > 0),
    free            bigint NOT NULL CHECK (free >= 0 AND free <= amount),
    reason          text NOT NULL,
    organization_id text,
    idempotency_key text,
    key_hash        bytea CHECK (octet_length(key_hash) = 32),
    body_hash       bytea CHECK (octet_length(body_hash) = 32),
    balance         bigint NOT NULL CHECK (balance >= 0),
    created_at      timestamptz NOT NULL,
    expires_at      timestamptz NOT NULL CHECK (expires_at > created_at),
    state           text NOT NULL CHECK (state IN ('open', 'committed', 'released', 'expired')),
    settled_at      timestamptz,
    charged         bigint CHECK (charged > 0 AND charged <= amount),
    transaction_id  uuid,
    settled_balance bigint,
    CHECK ((settled_at IS NULL) = (state = 'open')),
    CHECK ((settled_balance IS NULL) = (state = 'open')),
    CHECK ((charged IS NOT NULL) = (state = 'committed')),
    CHECK ((transaction_id IS NOT NULL) = (state = 'committed')),
    CHECK ((idempotency_key IS NULL) = (key_hash IS NULL)),
    CHECK (idempotency_key IS NULL OR body_hash IS NOT NULL)
);
CREATE UNIQUE INDEX credit_reservations_key_idx ON auth.credit_reservations (key_hash) WHERE key_hash IS NOT NULL;
CREATE INDEX credit_reservations_open_idx ON auth.credit_reservations (user_id, expires_at) WHERE state = 'open';
CREATE INDEX credit_reservations_expiry_idx ON auth.credit_reservations (expires_at) WHERE state = 'open';

CREATE TABLE auth.credit_usage (
    user_id  text NOT NULL,
    app_id   text NOT NULL,
    day      date NOT NULL, -- of UTC
    used     bigint NOT NULL CHECK (used >= 0),
    refunded bigint NOT NULL CHECK (refunded >= 0),
    uses     bigint NOT NULL CHECK (uses >= 0),
    PRIMARY KEY (user_id, day, app_id)
) WITH (fillfactor = 70);

-- By the SHA-256 of the key. Rows stay when a key is revoked.
CREATE TABLE auth.service_keys (
    id         text PRIMARY KEY,
    app_id     text NOT NULL,
    hash       bytea NOT NULL UNIQUE CHECK (octet_length(hash) = 32),
    operations text NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    revoked_at timestamptz
);
