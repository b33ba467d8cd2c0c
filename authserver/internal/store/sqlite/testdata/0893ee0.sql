-- A database of commit 0893ee0, as its program left it: Ann has two sessions, one
-- refreshed, and credits that were granted, used, refunded and reserved; Bob is
-- disabled. Passwords: "correct horse" and "battery staple". The signing key is
-- sealed under 32 bytes of the value 1.

PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE goose_db_version (
		id INTEGER PRIMARY KEY AUTOINCREMENT,
		version_id INTEGER NOT NULL,
		is_applied INTEGER NOT NULL,
		tstamp TIMESTAMP DEFAULT (datetime('now'))
	);
INSERT INTO goose_db_version VALUES(1,0,1,'2026-11-28 16:59:27');
INSERT INTO goose_db_version VALUES(2,1,1,'2026-11-28 16:59:27');
INSERT INTO goose_db_version VALUES(3,2,1,'2026-11-28 16:59:27');
INSERT INTO goose_db_version VALUES(4,3,1,'2026-11-28 16:59:27');
INSERT INTO goose_db_version VALUES(5,4,1,'2026-11-28 16:59:27');
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
, disabled_at INTEGER) STRICT;
INSERT INTO users VALUES('8SsrSzSpQ4pbE7SGU2hMmKbBrkzWn7GP','Ann','ann@example.com',0,NULL,'user',1795885167651,1795885167651,NULL,NULL);
INSERT INTO users VALUES('PnMNc4y3X38FKuMWVUKSzfWVADZzGzny','Bob','bob@example.com',0,NULL,'user',1795885167842,1795885168686,NULL,1795885168686);
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
INSERT INTO accounts VALUES('W2BVUTHLZL3253jGhlYx6wBD7H5eurDF','8SsrSzSpQ4pbE7SGU2hMmKbBrkzWn7GP','credential','8SsrSzSpQ4pbE7SGU2hMmKbBrkzWn7GP','$argon2id$v=19$m=19456,t=2,p=1$FHhuTJ56oWSnbIgEgfuykQ$yumUMg5ozNYJFGplKdC0uUaXxeQGg8LuLxASIjTqrGQ',1795885167651,1795885167651);
INSERT INTO accounts VALUES('aMqBfa7o6qYBrUPf4N43dkOgC3cR6FG5','PnMNc4y3X38FKuMWVUKSzfWVADZzGzny','credential','PnMNc4y3X38FKuMWVUKSzfWVADZzGzny','$argon2id$v=19$m=19456,t=2,p=1$Wj+g7S6ec5Cvgd4YsKi4EA$e1heK21SW0EEa9zCHCvj8wWbmePADN0rVyRWcf6mYNI',1795885167842,1795885167842);
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
INSERT INTO sessions VALUES('AwDV2zP2q9ha8grszav784rEYYxGRXYp','8SsrSzSpQ4pbE7SGU2hMmKbBrkzWn7GP',1796489967715,1795885167715,1795885167715,1795885167715,NULL,0,'127.0.0.1','curl/7.88.1',NULL,NULL);
INSERT INTO sessions VALUES('rlgVeYCdfyMIT8uTdwhsnIKnEio5YAyW','PnMNc4y3X38FKuMWVUKSzfWVADZzGzny',1796489967910,1795885167910,1795885168686,1795885167910,1795885168686,0,'127.0.0.1','curl/7.88.1',NULL,NULL);
INSERT INTO sessions VALUES('S3NIC5k8A1RpBCrXexY1govA9L1rV2uq','8SsrSzSpQ4pbE7SGU2hMmKbBrkzWn7GP',1796489968167,1795885168043,1795885168167,1795885168167,NULL,0,'127.0.0.1','curl/7.88.1','d1','phone');
INSERT INTO sessions VALUES('QLMffrRtex8niQH5RXo6g0TtcSbKatn4','PnMNc4y3X38FKuMWVUKSzfWVADZzGzny',1796489968215,1795885168215,1795885168396,1795885168215,1795885168396,0,'127.0.0.1','curl/7.88.1',NULL,NULL);
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
INSERT INTO refresh_tokens VALUES(X'46504147a504811024d08c5816370676faa60a4ce9721b77ec991272149f727e','rlgVeYCdfyMIT8uTdwhsnIKnEio5YAyW',1795885167910,NULL,NULL,NULL);
INSERT INTO refresh_tokens VALUES(X'8bd8b19236bfb0bd6fd534db27a56fe7bb1c76e21b74a6705f1121b9fb109cee','AwDV2zP2q9ha8grszav784rEYYxGRXYp',1795885167715,NULL,NULL,NULL);
INSERT INTO refresh_tokens VALUES(X'99f60a4f90cd27aceb6fc843710147eca1c08972cd3014e721469c4e004ab224','S3NIC5k8A1RpBCrXexY1govA9L1rV2uq',1795885168167,NULL,NULL,NULL);
INSERT INTO refresh_tokens VALUES(X'eae91539b31680e761f576d75458c0847e1c412fdba86e33f47782d94119c22b','S3NIC5k8A1RpBCrXexY1govA9L1rV2uq',1795885168043,1795885168167,X'99f60a4f90cd27aceb6fc843710147eca1c08972cd3014e721469c4e004ab224',X'9d9af994b06dfd9cf1856ac8bc4ae349f7f51282e714b4d3c26210aff9723de7577a5eee6a8d98f226d37d500386947a8347878a7119c945baea7b9590d16d5f3585d6d44f423c06ed382844039a93a4b3d469');
INSERT INTO refresh_tokens VALUES(X'f3d67d306ec426dfb105b36b0539a2ed5cb8f8a417385e9bed0cd72768fad0f8','QLMffrRtex8niQH5RXo6g0TtcSbKatn4',1795885168215,NULL,NULL,NULL);
CREATE TABLE jwks (
    id          TEXT PRIMARY KEY,
    public_key  TEXT NOT NULL,
    private_key TEXT NOT NULL,
    created_at  INTEGER NOT NULL
, signs_from INTEGER, token_ttl INTEGER NOT NULL DEFAULT 86400000, retired_at INTEGER) STRICT;
INSERT INTO jwks VALUES('QBjh884NNO9U40tO5jB8qaOv92pYU62b','{"crv":"Ed25519","x":"J9N8bK2cLwxgX7S9vy-j6x2F6fNT7NTGZdvwVtrU-dQ","kty":"OKP"}','$mana$1$WKqXFjkWczvpeNLtkXiW7Ne6q0JeopJd8ouyRI-9HV_LFQuqQO0dRh-r2dezfnY6fRLR5QVbU-f68gmykJoUBF9XJeDrSeEU',1795885167626,1795885167626,900000,NULL);
CREATE TABLE security_events (
    id         TEXT PRIMARY KEY DEFAULT (lower(hex(randomblob(16)))),
    user_id    TEXT REFERENCES users (id) ON DELETE CASCADE,
    event_type TEXT NOT NULL,
    ip_address TEXT,
    user_agent TEXT,
    metadata   TEXT,
    created_at INTEGER NOT NULL
) STRICT;
INSERT INTO security_events VALUES('aeac2c45c54d6431e35ef344174cf5b3','8SsrSzSpQ4pbE7SGU2hMmKbBrkzWn7GP','register','127.0.0.1','curl/7.88.1',NULL,1795885167715);
INSERT INTO security_events VALUES('4822e8d081b7c59aceb1bbaec51e0591','PnMNc4y3X38FKuMWVUKSzfWVADZzGzny','register','127.0.0.1','curl/7.88.1',NULL,1795885167910);
INSERT INTO security_events VALUES('beb8b27ad38216ff57e8bb72d4a1862a','8SsrSzSpQ4pbE7SGU2hMmKbBrkzWn7GP','login_success','127.0.0.1','curl/7.88.1',NULL,1795885168043);
INSERT INTO security_events VALUES('9cdcb106dd3f744003a49fb8c03b0ee9','PnMNc4y3X38FKuMWVUKSzfWVADZzGzny','login_success','127.0.0.1','curl/7.88.1',NULL,1795885168215);
INSERT INTO security_events VALUES('6af347d2b1580f1b2103eb6428906033','PnMNc4y3X38FKuMWVUKSzfWVADZzGzny','logout','127.0.0.1','curl/7.88.1',NULL,1795885168396);
INSERT INTO security_events VALUES('1b1fb311c024cef32149713f68b4dc46','PnMNc4y3X38FKuMWVUKSzfWVADZzGzny','account_disabled',NULL,NULL,'{"by":"operator"}',1795885168686);
CREATE TABLE session_revocations (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    session_id TEXT NOT NULL,
    at         INTEGER NOT NULL
) STRICT;
INSERT INTO session_revocations VALUES(1,'QLMffrRtex8niQH5RXo6g0TtcSbKatn4',1795885168396);
INSERT INTO session_revocations VALUES(2,'rlgVeYCdfyMIT8uTdwhsnIKnEio5YAyW',1795885168686);
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
INSERT INTO credit_accounts VALUES('8SsrSzSpQ4pbE7SGU2hMmKbBrkzWn7GP',100,110,0,0,100,150,40,5,20785,1795885168419,1795885168672);
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
INSERT INTO credit_transactions VALUES('01a22318-f723-77b7-9285-bf6a52b3bfa9','8SsrSzSpQ4pbE7SGU2hMmKbBrkzWn7GP',1,'bonus','system',150,150,0,150,0,150,0,'system','Signup bonus',NULL,NULL,NULL,NULL,NULL,NULL,NULL,1795885168419);
INSERT INTO credit_transactions VALUES('01a22318-f723-7807-8340-ddf49620f494','8SsrSzSpQ4pbE7SGU2hMmKbBrkzWn7GP',2,'purchase','service',100,0,150,250,100,150,0,'picture','purchase','{"reason":"purchase","referenceId":"order-1"}',NULL,NULL,X'ef0c5b9419a69420a992b86976e76de6004cbb51d415ce865b7aa8525f3cdf85',NULL,NULL,'order-1',1795885168419);
INSERT INTO credit_transactions VALUES('01a22318-f72d-7955-8760-d9628296b6db','8SsrSzSpQ4pbE7SGU2hMmKbBrkzWn7GP',3,'usage','service',-30,-30,250,220,100,120,30,'picture','a picture','{"size":"xl"}',NULL,'k1',X'3025970ee40426a27e564faf1b02e725d5466fa61c71da181461d28006580a64',NULL,NULL,NULL,1795885168429);
INSERT INTO credit_transactions VALUES('01a22318-f7a0-7543-8c14-7790e41743df','8SsrSzSpQ4pbE7SGU2hMmKbBrkzWn7GP',4,'refund','service',5,5,220,225,100,125,25,'picture','half of it',NULL,NULL,NULL,NULL,'01a22318-f72d-7955-8760-d9628296b6db',NULL,NULL,1795885168543);
INSERT INTO credit_transactions VALUES('01a22318-f820-79c4-ae35-5e93496ebfd8','8SsrSzSpQ4pbE7SGU2hMmKbBrkzWn7GP',5,'usage','service',-15,-15,225,210,100,110,40,'picture','done',NULL,NULL,NULL,NULL,NULL,'01a22318-f7aa-7aae-a421-1d819eb4a0c1',NULL,1795885168672);
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
INSERT INTO credit_reservations VALUES('01a22318-f7aa-7aae-a421-1d819eb4a0c1','8SsrSzSpQ4pbE7SGU2hMmKbBrkzWn7GP','picture',20,20,'a picture',NULL,'k2',X'ed2d6054d0fdc3d8b55e326b2357a9a3c16d1bec997b45937a274415ec23a043',205,1795885168554,1795886068554,'committed',1795885168672,15,'01a22318-f820-79c4-ae35-5e93496ebfd8',210);
CREATE TABLE credit_usage (
    user_id  TEXT NOT NULL,
    app_id   TEXT NOT NULL,
    day      INTEGER NOT NULL,
    used     INTEGER NOT NULL CHECK (used >= 0),
    refunded INTEGER NOT NULL CHECK (refunded >= 0),
    uses     INTEGER NOT NULL CHECK (uses >= 0),
    PRIMARY KEY (user_id, day, app_id)
) STRICT, WITHOUT ROWID;
INSERT INTO credit_usage VALUES('8SsrSzSpQ4pbE7SGU2hMmKbBrkzWn7GP','picture',20785,45,5,2);
CREATE TABLE service_keys (
    id         TEXT PRIMARY KEY,
    app_id     TEXT NOT NULL,
    hash       BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    operations TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER
) STRICT;
INSERT INTO service_keys VALUES('So00jL6IiltGqxVXMIFeVQBjQGZw7Nc7','picture',X'a4abefd976ae214b12674519850dd07af072f189772d6f0387ea262ae9b2c9c3','balance,init,use,refund,reserve,commit,refund-reservation,transactions,grant',1795885168409,NULL,NULL);
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('goose_db_version',5);
INSERT INTO sqlite_sequence VALUES('session_revocations',2);
CREATE INDEX accounts_user_id_idx ON accounts (user_id);
CREATE INDEX sessions_user_id_idx ON sessions (user_id);
CREATE UNIQUE INDEX refresh_tokens_unspent_idx ON refresh_tokens (session_id) WHERE spent_at IS NULL;
CREATE INDEX refresh_tokens_session_id_idx ON refresh_tokens (session_id);
CREATE INDEX security_events_user_id_idx ON security_events (user_id, created_at);
CREATE UNIQUE INDEX credit_transactions_key_idx ON credit_transactions (user_id, app_id, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE UNIQUE INDEX credit_transactions_reference_idx ON credit_transactions (app_id, reference_id) WHERE reference_id IS NOT NULL;
CREATE UNIQUE INDEX credit_transactions_reservation_idx ON credit_transactions (reservation_id) WHERE reservation_id IS NOT NULL;
CREATE INDEX credit_transactions_refund_idx ON credit_transactions (refund_of) WHERE refund_of IS NOT NULL;
CREATE TRIGGER credit_transactions_no_update BEFORE UPDATE ON credit_transactions
BEGIN SELECT RAISE(ABORT, 'credit_transactions is append-only'); END;
CREATE TRIGGER credit_transactions_no_delete BEFORE DELETE ON credit_transactions
BEGIN SELECT RAISE(ABORT, 'credit_transactions is append-only'); END;
CREATE TRIGGER credit_transactions_no_replace BEFORE INSERT ON credit_transactions
WHEN EXISTS (SELECT 1 FROM credit_transactions t WHERE t.rowid = NEW.rowid)
    OR EXISTS (SELECT 1 FROM credit_transactions t WHERE t.id = NEW.id)
    OR EXISTS (SELECT 1 FROM credit_transactions t WHERE t.user_id = NEW.user_id AND t.entry = NEW.entry)
    OR EXISTS (SELECT 1 FROM credit_transactions t
        WHERE t.user_id = NEW.user_id AND t.app_id = NEW.app_id AND t.idempotency_key = NEW.idempotency_key)
    OR EXISTS (SELECT 1 FROM credit_transactions t WHERE t.app_id = NEW.app_id AND t.reference_id = NEW.reference_id)
    OR EXISTS (SELECT 1 FROM credit_transactions t WHERE t.reservation_id = NEW.reservation_id)
BEGIN SELECT RAISE(ABORT, 'credit_transactions is append-only'); END;
CREATE UNIQUE INDEX credit_reservations_key_idx ON credit_reservations (user_id, app_id, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX credit_reservations_open_idx ON credit_reservations (user_id, expires_at) WHERE state = 'open';
CREATE INDEX credit_reservations_expiry_idx ON credit_reservations (expires_at) WHERE state = 'open';
COMMIT;
