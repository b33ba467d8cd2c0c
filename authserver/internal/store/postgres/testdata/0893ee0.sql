-- A database of commit 0893ee0, as its program left it: Ann has two sessions, one
-- refreshed, and credits that were granted, used, refunded and reserved; Bob is
-- disabled. Passwords: "correct horse" and "battery staple". The signing key is
-- sealed under 32 bytes of the value 1.

CREATE SCHEMA auth;

CREATE TYPE public.user_role AS ENUM (
    'user',
    'admin',
    'service'
);

CREATE FUNCTION auth.credit_transactions_append_only() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION 'credit_transactions is append-only';
END
$$;

CREATE TABLE auth.accounts (
    id text NOT NULL,
    account_id text NOT NULL,
    provider_id text NOT NULL,
    user_id text NOT NULL,
    access_token text,
    refresh_token text,
    id_token text,
    access_token_expires_at timestamp with time zone,
    refresh_token_expires_at timestamp with time zone,
    scope text,
    password text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE auth.credit_accounts (
    user_id text NOT NULL,
    paid bigint NOT NULL,
    free bigint NOT NULL,
    held_paid bigint NOT NULL,
    held_free bigint NOT NULL,
    earned bigint NOT NULL,
    given bigint NOT NULL,
    spent bigint NOT NULL,
    entries bigint NOT NULL,
    last_day date NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT credit_accounts_check CHECK (((((paid + free) + held_paid) + held_free) = ((earned + given) - spent))),
    CONSTRAINT credit_accounts_earned_check CHECK ((earned >= 0)),
    CONSTRAINT credit_accounts_entries_check CHECK ((entries >= 0)),
    CONSTRAINT credit_accounts_free_check CHECK ((free >= 0)),
    CONSTRAINT credit_accounts_given_check CHECK ((given >= 0)),
    CONSTRAINT credit_accounts_held_free_check CHECK ((held_free >= 0)),
    CONSTRAINT credit_accounts_held_paid_check CHECK ((held_paid >= 0)),
    CONSTRAINT credit_accounts_paid_check CHECK ((paid >= 0)),
    CONSTRAINT credit_accounts_spent_check CHECK ((spent >= 0))
)
WITH (fillfactor='70');

CREATE TABLE auth.credit_reservations (
    id uuid NOT NULL,
    user_id text NOT NULL,
    app_id text NOT NULL,
    amount bigint NOT NULL,
    free bigint NOT NULL,
    reason text NOT NULL,
    organization_id text,
    idempotency_key text,
    key_hash bytea,
    body_hash bytea,
    balance bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    state text NOT NULL,
    settled_at timestamp with time zone,
    charged bigint,
    transaction_id uuid,
    settled_balance bigint,
    CONSTRAINT credit_reservations_amount_check CHECK ((amount > 0)),
    CONSTRAINT credit_reservations_balance_check CHECK ((balance >= 0)),
    CONSTRAINT credit_reservations_body_hash_check CHECK ((octet_length(body_hash) = 32)),
    CONSTRAINT credit_reservations_check CHECK (((free >= 0) AND (free <= amount))),
    CONSTRAINT credit_reservations_check1 CHECK ((expires_at > created_at)),
    CONSTRAINT credit_reservations_check2 CHECK (((charged > 0) AND (charged <= amount))),
    CONSTRAINT credit_reservations_check3 CHECK (((settled_at IS NULL) = (state = 'open'::text))),
    CONSTRAINT credit_reservations_check4 CHECK (((settled_balance IS NULL) = (state = 'open'::text))),
    CONSTRAINT credit_reservations_check5 CHECK (((charged IS NOT NULL) = (state = 'committed'::text))),
    CONSTRAINT credit_reservations_check6 CHECK (((transaction_id IS NOT NULL) = (state = 'committed'::text))),
    CONSTRAINT credit_reservations_check7 CHECK (((idempotency_key IS NULL) = (key_hash IS NULL))),
    CONSTRAINT credit_reservations_check8 CHECK (((idempotency_key IS NULL) OR (body_hash IS NOT NULL))),
    CONSTRAINT credit_reservations_key_hash_check CHECK ((octet_length(key_hash) = 32)),
    CONSTRAINT credit_reservations_state_check CHECK ((state = ANY (ARRAY['open'::text, 'committed'::text, 'released'::text, 'expired'::text])))
);

CREATE TABLE auth.credit_transactions (
    id uuid NOT NULL,
    user_id text NOT NULL,
    entry bigint NOT NULL,
    type text NOT NULL,
    source text NOT NULL,
    amount bigint NOT NULL,
    free bigint NOT NULL,
    balance_before bigint NOT NULL,
    balance_after bigint NOT NULL,
    paid_after bigint NOT NULL,
    free_after bigint NOT NULL,
    spent_after bigint NOT NULL,
    app_id text NOT NULL,
    description text NOT NULL,
    metadata json,
    organization_id text,
    idempotency_key text,
    key_hash bytea,
    body_hash bytea,
    refund_of uuid,
    reservation_id uuid,
    reference_id text,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT credit_transactions_balance_before_check CHECK ((balance_before >= 0)),
    CONSTRAINT credit_transactions_body_hash_check CHECK ((octet_length(body_hash) = 32)),
    CONSTRAINT credit_transactions_check CHECK (((amount <> 0) AND ((amount < 0) = (type = ANY (ARRAY['usage'::text, 'expiry'::text]))))),
    CONSTRAINT credit_transactions_check1 CHECK ((abs(free) <= abs(amount))),
    CONSTRAINT credit_transactions_check2 CHECK (((balance_after >= 0) AND (balance_after = (balance_before + amount)))),
    CONSTRAINT credit_transactions_check3 CHECK (((refund_of IS NOT NULL) = (type = 'refund'::text))),
    CONSTRAINT credit_transactions_check4 CHECK (((idempotency_key IS NULL) = (key_hash IS NULL))),
    CONSTRAINT credit_transactions_check5 CHECK (((idempotency_key IS NULL) OR (body_hash IS NOT NULL))),
    CONSTRAINT credit_transactions_entry_check CHECK ((entry > 0)),
    CONSTRAINT credit_transactions_free_after_check CHECK ((free_after >= 0)),
    CONSTRAINT credit_transactions_key_hash_check CHECK ((octet_length(key_hash) = 32)),
    CONSTRAINT credit_transactions_paid_after_check CHECK ((paid_after >= 0)),
    CONSTRAINT credit_transactions_source_check CHECK ((source = ANY (ARRAY['system'::text, 'user'::text, 'service'::text]))),
    CONSTRAINT credit_transactions_spent_after_check CHECK ((spent_after >= 0)),
    CONSTRAINT credit_transactions_type_check CHECK ((type = ANY (ARRAY['purchase'::text, 'usage'::text, 'refund'::text, 'bonus'::text, 'expiry'::text, 'adjustment'::text])))
);

CREATE TABLE auth.credit_usage (
    user_id text NOT NULL,
    app_id text NOT NULL,
    day date NOT NULL,
    used bigint NOT NULL,
    refunded bigint NOT NULL,
    uses bigint NOT NULL,
    CONSTRAINT credit_usage_refunded_check CHECK ((refunded >= 0)),
    CONSTRAINT credit_usage_used_check CHECK ((used >= 0)),
    CONSTRAINT credit_usage_uses_check CHECK ((uses >= 0))
)
WITH (fillfactor='70');

CREATE TABLE auth.manacore_schema (
    one boolean DEFAULT true NOT NULL,
    version integer NOT NULL,
    CONSTRAINT manacore_schema_one_check CHECK (one)
);

CREATE TABLE auth.refresh_tokens (
    hash bytea NOT NULL,
    session_id text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    spent_at timestamp with time zone,
    successor_hash bytea,
    sealed_successor bytea,
    CONSTRAINT refresh_tokens_check CHECK (((spent_at IS NULL) = (successor_hash IS NULL))),
    CONSTRAINT refresh_tokens_check1 CHECK (((sealed_successor IS NULL) OR (spent_at IS NOT NULL))),
    CONSTRAINT refresh_tokens_hash_check CHECK ((octet_length(hash) = 32))
);

CREATE TABLE auth.security_events (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    user_id text,
    event_type text NOT NULL,
    ip_address text,
    user_agent text,
    metadata jsonb,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE auth.service_keys (
    id text NOT NULL,
    app_id text NOT NULL,
    hash bytea NOT NULL,
    operations text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone,
    revoked_at timestamp with time zone,
    CONSTRAINT service_keys_hash_check CHECK ((octet_length(hash) = 32))
);

CREATE TABLE auth.session_revocations (
    seq bigint NOT NULL,
    session_id text NOT NULL,
    at timestamp with time zone NOT NULL
);

ALTER TABLE auth.session_revocations ALTER COLUMN seq ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME auth.session_revocations_seq_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE auth.sessions (
    id text NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    token text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    ip_address text,
    user_agent text,
    user_id text NOT NULL,
    refresh_token text,
    refresh_token_expires_at timestamp with time zone,
    device_id text,
    device_name text,
    last_activity_at timestamp with time zone DEFAULT now(),
    revoked_at timestamp with time zone,
    remember_me boolean DEFAULT false
);

CREATE TABLE auth.signing_keys (
    id text NOT NULL,
    public_key text NOT NULL,
    private_key text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    signs_from timestamp with time zone,
    token_ttl bigint DEFAULT 86400000 NOT NULL,
    retired_at timestamp with time zone
);

CREATE TABLE auth.users (
    id text NOT NULL,
    name text NOT NULL,
    email text NOT NULL,
    email_verified boolean DEFAULT false NOT NULL,
    image text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    role public.user_role DEFAULT 'user'::public.user_role NOT NULL,
    deleted_at timestamp with time zone,
    disabled_at timestamp with time zone
);

INSERT INTO auth.accounts VALUES ('sleU1cHX74rZkv4I8UNzpLJGakYZV6Hj', 'tH7O5H8Dh0tO3jmf1RwtOosfXTgx3WkT', 'credential', 'tH7O5H8Dh0tO3jmf1RwtOosfXTgx3WkT', NULL, NULL, NULL, NULL, NULL, NULL, '$argon2id$v=19$m=19456,t=2,p=1$nQ/d+j8GMw/mE6W9ugJDgw$9kMMzS+T0P76hbpI6aWzrZK+BdgpY8FclebJsSMMDy0', '2026-11-28 18:03:26.832+00', '2026-11-28 18:03:26.832+00');
INSERT INTO auth.accounts VALUES ('C57kfcqcFudIJiOwD8EU2QJXEuKTWiFv', '2wtBNf7uwxl9bm1RLpCjzWovsTMqZPVa', 'credential', '2wtBNf7uwxl9bm1RLpCjzWovsTMqZPVa', NULL, NULL, NULL, NULL, NULL, NULL, '$argon2id$v=19$m=19456,t=2,p=1$fn8IE7nddHTWyiLOxMXLLw$Gm+BvDKz9t1HwcGVXnxPWnR5JDQjwYrnJTFNvpO7ab4', '2026-11-28 18:03:27.043+00', '2026-11-28 18:03:27.043+00');

INSERT INTO auth.credit_accounts VALUES ('tH7O5H8Dh0tO3jmf1RwtOosfXTgx3WkT', 100, 110, 0, 0, 100, 150, 40, 5, '2026-11-28', '2026-11-28 18:03:27.656+00', '2026-11-28 18:03:27.972+00');

INSERT INTO auth.credit_reservations VALUES ('01a22353-8cdb-7bdf-bec0-1182f89584d2', 'tH7O5H8Dh0tO3jmf1RwtOosfXTgx3WkT', 'picture', 20, 20, 'a picture', NULL, 'k2', '\x1245ca39d23dde339f8b35c4cb5add1bbee253bcecb9ec4f93d68b6b5cbfc52b', '\x2e111d278df1041c81cc27cda9b701c5187fdfcf066ba110208e5afd3332d389', 205, '2026-11-28 18:03:27.834+00', '2026-11-28 18:18:27.834+00', 'committed', '2026-11-28 18:03:27.972+00', 15, '01a22353-8d66-7d28-84d1-1b02b4beb105', 210);

INSERT INTO auth.credit_transactions VALUES ('01a22353-8c2b-742e-868a-fca4aab294bb', 'tH7O5H8Dh0tO3jmf1RwtOosfXTgx3WkT', 1, 'bonus', 'system', 150, 150, 0, 150, 0, 150, 0, 'system', 'Signup bonus', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-28 18:03:27.656+00');
INSERT INTO auth.credit_transactions VALUES ('01a22353-8c2b-74e6-bab4-e7dcf80caf54', 'tH7O5H8Dh0tO3jmf1RwtOosfXTgx3WkT', 2, 'purchase', 'service', 100, 0, 150, 250, 100, 150, 0, 'picture', 'purchase', '{"reason":"purchase","referenceId":"order-1"}', NULL, NULL, NULL, '\xe6284944529e72018a8578a68de40a5d7a1ead965d2491b5657c99b9d32aa76c', NULL, NULL, 'order-1', '2026-11-28 18:03:27.656+00');
INSERT INTO auth.credit_transactions VALUES ('01a22353-8c3a-7044-9904-cef2ace477af', 'tH7O5H8Dh0tO3jmf1RwtOosfXTgx3WkT', 3, 'usage', 'service', -30, -30, 250, 220, 100, 120, 30, 'picture', 'a picture', '{"size":"xl"}', NULL, 'k1', '\x7a86800c7d8f05f8d64259b72011c8b68dcbcb410db81e689d784503dccea355', '\x6105a7b1491c490b0c9b29515b13ec7522670e7c9321a2c010b0ee2421be7c43', NULL, NULL, NULL, '2026-11-28 18:03:27.672+00');
INSERT INTO auth.credit_transactions VALUES ('01a22353-8cce-7aad-bc56-2fa19461278f', 'tH7O5H8Dh0tO3jmf1RwtOosfXTgx3WkT', 4, 'refund', 'service', 5, 5, 220, 225, 100, 125, 25, 'picture', 'half of it', NULL, NULL, NULL, NULL, NULL, '01a22353-8c3a-7044-9904-cef2ace477af', NULL, NULL, '2026-11-28 18:03:27.82+00');
INSERT INTO auth.credit_transactions VALUES ('01a22353-8d66-7d28-84d1-1b02b4beb105', 'tH7O5H8Dh0tO3jmf1RwtOosfXTgx3WkT', 5, 'usage', 'service', -15, -15, 225, 210, 100, 110, 40, 'picture', 'done', NULL, NULL, NULL, NULL, NULL, NULL, '01a22353-8cdb-7bdf-bec0-1182f89584d2', NULL, '2026-11-28 18:03:27.972+00');

INSERT INTO auth.credit_usage VALUES ('tH7O5H8Dh0tO3jmf1RwtOosfXTgx3WkT', 'picture', '2026-11-28', 45, 5, 2);

INSERT INTO auth.manacore_schema VALUES (true, 4);

INSERT INTO auth.refresh_tokens VALUES ('\xef93b292950660ef1dbd2fdcfd58af1a914b677cf8f0803e6aac5256450b2913', 'xDsQCg5Wjadmc1ZDAmmARIvMnJt3T6Q8', '2026-11-28 18:03:26.904+00', NULL, NULL, NULL);
INSERT INTO auth.refresh_tokens VALUES ('\x8981945d406b651ff61c530fd67d9a36debb6037076990348b8d0c3d00a3fe45', 'TbTZlY0arjire2pscdNAnV90c4ReL3CX', '2026-11-28 18:03:27.113+00', NULL, NULL, NULL);
INSERT INTO auth.refresh_tokens VALUES ('\x2e63d8b59087192aceeafc363a543ea185b6287913dbe076d8360ef89da3c43b', 'AOK2H771Xv4jKlXOXk0QURvrYbhpWVKF', '2026-11-28 18:03:27.239+00', '2026-11-28 18:03:27.378+00', '\xe77539714e3d5f8a9047eefa4b0b85d32925a7cf3252ac2af582d581a15defc5', '\x97df80a9bd0c3c14378fb8ebd9d0e1e46a5c0c5de62acdc3f42d68e0f0b1c884075b1594d971b48671bd6c799a8fd13ae7942e6793dd6c5fe23f56f33ab1164176e71605efe791d323bbccfce32cb349c858a5');
INSERT INTO auth.refresh_tokens VALUES ('\xe77539714e3d5f8a9047eefa4b0b85d32925a7cf3252ac2af582d581a15defc5', 'AOK2H771Xv4jKlXOXk0QURvrYbhpWVKF', '2026-11-28 18:03:27.378+00', NULL, NULL, NULL);
INSERT INTO auth.refresh_tokens VALUES ('\xe3dbb132e18e7ecd1c1b294a884db824ba7bd62c7ae521fb7794ec419c06f1de', 'gZ9vcnxDkQ7A0pnuaZwlJKCSHaDlsu7o', '2026-11-28 18:03:27.429+00', NULL, NULL, NULL);

INSERT INTO auth.security_events VALUES ('01a22353-8939-7051-87c8-d6846a6d1b57', 'tH7O5H8Dh0tO3jmf1RwtOosfXTgx3WkT', 'register', '127.0.0.1', 'curl/7.88.1', NULL, '2026-11-28 18:03:26.904+00');
INSERT INTO auth.security_events VALUES ('01a22353-8a09-7f22-a264-fca4f9e54351', '2wtBNf7uwxl9bm1RLpCjzWovsTMqZPVa', 'register', '127.0.0.1', 'curl/7.88.1', NULL, '2026-11-28 18:03:27.113+00');
INSERT INTO auth.security_events VALUES ('01a22353-8a87-732e-a7ea-31f3901f9aac', 'tH7O5H8Dh0tO3jmf1RwtOosfXTgx3WkT', 'login_success', '127.0.0.1', 'curl/7.88.1', NULL, '2026-11-28 18:03:27.239+00');
INSERT INTO auth.security_events VALUES ('01a22353-8b45-7105-b49d-d9343cbd32b8', '2wtBNf7uwxl9bm1RLpCjzWovsTMqZPVa', 'login_success', '127.0.0.1', 'curl/7.88.1', NULL, '2026-11-28 18:03:27.429+00');
INSERT INTO auth.security_events VALUES ('01a22353-8c03-7ee6-9ec1-a1d81a4fca3d', '2wtBNf7uwxl9bm1RLpCjzWovsTMqZPVa', 'logout', '127.0.0.1', 'curl/7.88.1', NULL, '2026-11-28 18:03:27.619+00');
INSERT INTO auth.security_events VALUES ('01a22353-8d7f-70e4-83ce-4f0982b3d7e8', '2wtBNf7uwxl9bm1RLpCjzWovsTMqZPVa', 'account_disabled', NULL, NULL, '{"by": "operator"}', '2026-11-28 18:03:27.996+00');

INSERT INTO auth.service_keys VALUES ('5CFnrvvCksq6ijQY7a86Mfif7eu14NcU', 'picture', '\xb2232768c02d7d1791a5d9da32b9af7bced30be435bcd5d3587c71fc80c24dc2', 'balance,init,use,refund,reserve,commit,refund-reservation,transactions,grant', '2026-11-28 18:03:27.643+00', NULL, NULL);

INSERT INTO auth.session_revocations OVERRIDING SYSTEM VALUE VALUES (1, 'gZ9vcnxDkQ7A0pnuaZwlJKCSHaDlsu7o', '2026-11-28 18:03:27.619+00');
INSERT INTO auth.session_revocations OVERRIDING SYSTEM VALUE VALUES (2, 'TbTZlY0arjire2pscdNAnV90c4ReL3CX', '2026-11-28 18:03:27.996+00');

INSERT INTO auth.sessions VALUES ('xDsQCg5Wjadmc1ZDAmmARIvMnJt3T6Q8', '2026-12-05 18:03:26.904+00', 'mana:ffa014db-cc98-4d35-8fcb-df0386b86bff', '2026-11-28 18:03:26.904+00', '2026-11-28 18:03:26.904+00', '127.0.0.1', 'curl/7.88.1', 'tH7O5H8Dh0tO3jmf1RwtOosfXTgx3WkT', NULL, NULL, NULL, NULL, '2026-11-28 18:03:26.904+00', NULL, false);
INSERT INTO auth.sessions VALUES ('AOK2H771Xv4jKlXOXk0QURvrYbhpWVKF', '2026-12-05 18:03:27.378+00', 'mana:2d24a84d-59f0-4d8d-a836-ed00bf65559b', '2026-11-28 18:03:27.239+00', '2026-11-28 18:03:27.378+00', '127.0.0.1', 'curl/7.88.1', 'tH7O5H8Dh0tO3jmf1RwtOosfXTgx3WkT', NULL, NULL, 'd1', 'phone', '2026-11-28 18:03:27.378+00', NULL, false);
INSERT INTO auth.sessions VALUES ('gZ9vcnxDkQ7A0pnuaZwlJKCSHaDlsu7o', '2026-12-05 18:03:27.429+00', 'mana:5861ec03-148b-47e7-a626-722a7dcb0d97', '2026-11-28 18:03:27.429+00', '2026-11-28 18:03:27.619+00', '127.0.0.1', 'curl/7.88.1', '2wtBNf7uwxl9bm1RLpCjzWovsTMqZPVa', NULL, NULL, NULL, NULL, '2026-11-28 18:03:27.429+00', '2026-11-28 18:03:27.619+00', false);
INSERT INTO auth.sessions VALUES ('TbTZlY0arjire2pscdNAnV90c4ReL3CX', '2026-12-05 18:03:27.113+00', 'mana:1a7761f0-157e-4ad8-bf1a-2636a6da8def', '2026-11-28 18:03:27.113+00', '2026-11-28 18:03:27.996+00', '127.0.0.1', 'curl/7.88.1', '2wtBNf7uwxl9bm1RLpCjzWovsTMqZPVa', NULL, NULL, NULL, NULL, '2026-11-28 18:03:27.113+00', '2026-11-28 18:03:27.996+00', false);

INSERT INTO auth.signing_keys VALUES ('KkKQZEOoYB6SuRW72G9fIRGFlYawFMmt', '{"crv":"Ed25519","x":"-5l_Snx1mXQx3C9nc5lj-_JJy2PM_vZAHRsT9_y4Vgo","kty":"OKP"}', '$mana$1$iXNkgsoO_ATE_ewnDGe4YfEAtvcTKODJxTrcOetuuA3gHH5sXkeJcebFkX8rCUdTwlJXApJPDk99VtFGERZR7JWwHSJ2BTpa', '2026-11-28 18:03:26.77+00', '2026-11-28 18:03:26.77+00', 900000, NULL);

INSERT INTO auth.users VALUES ('tH7O5H8Dh0tO3jmf1RwtOosfXTgx3WkT', 'Ann', 'ann@example.com', false, NULL, '2026-11-28 18:03:26.832+00', '2026-11-28 18:03:26.832+00', 'user', NULL, NULL);
INSERT INTO auth.users VALUES ('2wtBNf7uwxl9bm1RLpCjzWovsTMqZPVa', 'Bob', 'bob@example.com', false, NULL, '2026-11-28 18:03:27.043+00', '2026-11-28 18:03:27.996+00', 'user', NULL, '2026-11-28 18:03:27.996+00');

SELECT pg_catalog.setval('auth.session_revocations_seq_seq', 2, true);

ALTER TABLE ONLY auth.accounts
    ADD CONSTRAINT accounts_pkey PRIMARY KEY (id);

ALTER TABLE ONLY auth.credit_accounts
    ADD CONSTRAINT credit_accounts_pkey PRIMARY KEY (user_id);

ALTER TABLE ONLY auth.credit_reservations
    ADD CONSTRAINT credit_reservations_pkey PRIMARY KEY (id);

ALTER TABLE ONLY auth.credit_transactions
    ADD CONSTRAINT credit_transactions_entry_key UNIQUE (user_id, entry);

ALTER TABLE ONLY auth.credit_transactions
    ADD CONSTRAINT credit_transactions_pkey PRIMARY KEY (id);

ALTER TABLE ONLY auth.credit_usage
    ADD CONSTRAINT credit_usage_pkey PRIMARY KEY (user_id, day, app_id);

ALTER TABLE ONLY auth.manacore_schema
    ADD CONSTRAINT manacore_schema_pkey PRIMARY KEY (one);

ALTER TABLE ONLY auth.refresh_tokens
    ADD CONSTRAINT refresh_tokens_pkey PRIMARY KEY (hash);

ALTER TABLE ONLY auth.refresh_tokens
    ADD CONSTRAINT refresh_tokens_successor_hash_key UNIQUE (successor_hash);

ALTER TABLE ONLY auth.security_events
    ADD CONSTRAINT security_events_pkey PRIMARY KEY (id);

ALTER TABLE ONLY auth.service_keys
    ADD CONSTRAINT service_keys_hash_key UNIQUE (hash);

ALTER TABLE ONLY auth.service_keys
    ADD CONSTRAINT service_keys_pkey PRIMARY KEY (id);

ALTER TABLE ONLY auth.session_revocations
    ADD CONSTRAINT session_revocations_pkey PRIMARY KEY (seq);

ALTER TABLE ONLY auth.sessions
    ADD CONSTRAINT sessions_pkey PRIMARY KEY (id);

ALTER TABLE ONLY auth.sessions
    ADD CONSTRAINT sessions_refresh_token_unique UNIQUE (refresh_token);

ALTER TABLE ONLY auth.sessions
    ADD CONSTRAINT sessions_token_unique UNIQUE (token);

ALTER TABLE ONLY auth.signing_keys
    ADD CONSTRAINT signing_keys_pkey PRIMARY KEY (id);

ALTER TABLE ONLY auth.users
    ADD CONSTRAINT users_email_unique UNIQUE (email);

ALTER TABLE ONLY auth.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (id);

CREATE INDEX accounts_user_id_idx ON auth.accounts USING btree (user_id);

CREATE INDEX credit_reservations_expiry_idx ON auth.credit_reservations USING btree (expires_at) WHERE (state = 'open'::text);

CREATE UNIQUE INDEX credit_reservations_key_idx ON auth.credit_reservations USING btree (key_hash) WHERE (key_hash IS NOT NULL);

CREATE INDEX credit_reservations_open_idx ON auth.credit_reservations USING btree (user_id, expires_at) WHERE (state = 'open'::text);

CREATE UNIQUE INDEX credit_transactions_key_idx ON auth.credit_transactions USING btree (key_hash) WHERE (key_hash IS NOT NULL);

CREATE UNIQUE INDEX credit_transactions_reference_idx ON auth.credit_transactions USING btree (app_id, reference_id) WHERE (reference_id IS NOT NULL);

CREATE INDEX credit_transactions_refund_idx ON auth.credit_transactions USING btree (refund_of) WHERE (refund_of IS NOT NULL);

CREATE UNIQUE INDEX credit_transactions_reservation_idx ON auth.credit_transactions USING btree (reservation_id) WHERE (reservation_id IS NOT NULL);

CREATE INDEX refresh_tokens_session_id_idx ON auth.refresh_tokens USING btree (session_id);

CREATE UNIQUE INDEX refresh_tokens_unspent_idx ON auth.refresh_tokens USING btree (session_id) WHERE (spent_at IS NULL);

CREATE INDEX security_events_user_id_idx ON auth.security_events USING btree (user_id, created_at);

CREATE INDEX sessions_user_id_idx ON auth.sessions USING btree (user_id);

CREATE TRIGGER credit_transactions_append_only BEFORE DELETE OR UPDATE ON auth.credit_transactions FOR EACH ROW EXECUTE FUNCTION auth.credit_transactions_append_only();

CREATE TRIGGER credit_transactions_no_truncate BEFORE TRUNCATE ON auth.credit_transactions FOR EACH STATEMENT EXECUTE FUNCTION auth.credit_transactions_append_only();

ALTER TABLE ONLY auth.accounts
    ADD CONSTRAINT accounts_user_id_users_id_fk FOREIGN KEY (user_id) REFERENCES auth.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY auth.credit_transactions
    ADD CONSTRAINT credit_transactions_refund_of_fkey FOREIGN KEY (refund_of) REFERENCES auth.credit_transactions(id);

ALTER TABLE ONLY auth.refresh_tokens
    ADD CONSTRAINT refresh_tokens_session_id_fkey FOREIGN KEY (session_id) REFERENCES auth.sessions(id) ON DELETE CASCADE;

ALTER TABLE ONLY auth.security_events
    ADD CONSTRAINT security_events_user_id_users_id_fk FOREIGN KEY (user_id) REFERENCES auth.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY auth.sessions
    ADD CONSTRAINT sessions_user_id_users_id_fk FOREIGN KEY (user_id) REFERENCES auth.users(id) ON DELETE CASCADE;
