-- Tables of the existing service come with its names, types and constraints
-- where there are none, and are left as they are where there are. What it does
-- not have is added: tables of our own, and indexes.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_type WHERE typname = 'user_role' AND typnamespace = 'public'::regnamespace) THEN
        CREATE TYPE public.user_role AS ENUM ('user', 'admin', 'service');
    END IF;
END
$$;

CREATE TABLE IF NOT EXISTS auth.users (
    id             text NOT NULL CONSTRAINT users_pkey PRIMARY KEY,
    name           text NOT NULL,
    email          text NOT NULL CONSTRAINT users_email_unique UNIQUE,
    email_verified boolean NOT NULL DEFAULT false,
    image          text,
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now(),
    role           public.user_role NOT NULL DEFAULT 'user',
    deleted_at     timestamptz
);

CREATE TABLE IF NOT EXISTS auth.accounts (
    id                       text NOT NULL CONSTRAINT accounts_pkey PRIMARY KEY,
    account_id               text NOT NULL,
    provider_id              text NOT NULL,
    user_id                  text NOT NULL CONSTRAINT accounts_user_id_users_id_fk REFERENCES auth.users (id) ON DELETE CASCADE,
    access_token             text,
    refresh_token            text,
    id_token                 text,
    access_token_expires_at  timestamptz,
    refresh_token_expires_at timestamptz,
    scope                    text,
    password                 text,
    created_at               timestamptz NOT NULL DEFAULT now(),
    updated_at               timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX IF NOT EXISTS accounts_user_id_idx ON auth.accounts (user_id);

-- One row a login. The existing service keeps tokens in the clear in token and
-- refresh_token. Our rows have NULL in refresh_token, and in token, which must
-- hold something, "mana:" and random digits: nobody ever gets to see them.
CREATE TABLE IF NOT EXISTS auth.sessions (
    id                       text NOT NULL CONSTRAINT sessions_pkey PRIMARY KEY,
    expires_at               timestamptz NOT NULL,
    token                    text NOT NULL CONSTRAINT sessions_token_unique UNIQUE,
    created_at               timestamptz NOT NULL DEFAULT now(),
    updated_at               timestamptz NOT NULL DEFAULT now(),
    ip_address               text,
    user_agent               text,
    user_id                  text NOT NULL CONSTRAINT sessions_user_id_users_id_fk REFERENCES auth.users (id) ON DELETE CASCADE,
    refresh_token            text CONSTRAINT sessions_refresh_token_unique UNIQUE,
    refresh_token_expires_at timestamptz,
    device_id                text,
    device_name              text,
    last_activity_at         timestamptz DEFAULT now(),
    revoked_at               timestamptz,
    remember_me              boolean DEFAULT false
);
CREATE INDEX IF NOT EXISTS sessions_user_id_idx ON auth.sessions (user_id);

CREATE TABLE IF NOT EXISTS auth.security_events (
    id         uuid NOT NULL DEFAULT gen_random_uuid() CONSTRAINT security_events_pkey PRIMARY KEY,
    user_id    text CONSTRAINT security_events_user_id_users_id_fk REFERENCES auth.users (id) ON DELETE CASCADE,
    event_type text NOT NULL,
    ip_address text,
    user_agent text,
    metadata   jsonb,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX IF NOT EXISTS security_events_user_id_idx ON auth.security_events (user_id, created_at);

-- Ours: one row a refresh token, by its SHA-256. A spent token points at its
-- successor and, until that one is used, keeps it sealed under a key that only
-- the spent token's holder can derive.
CREATE TABLE auth.refresh_tokens (
    hash             bytea PRIMARY KEY CHECK (octet_length(hash) = 32),
    session_id       text NOT NULL REFERENCES auth.sessions (id) ON DELETE CASCADE,
    created_at       timestamptz NOT NULL,
    spent_at         timestamptz,
    successor_hash   bytea UNIQUE,
    sealed_successor bytea,
    CHECK ((spent_at IS NULL) = (successor_hash IS NULL)),
    CHECK (sealed_successor IS NULL OR spent_at IS NOT NULL)
);
-- A session has one unspent token and never two, whatever the code does.
CREATE UNIQUE INDEX refresh_tokens_unspent_idx ON auth.refresh_tokens (session_id) WHERE spent_at IS NULL;
CREATE INDEX refresh_tokens_session_id_idx ON auth.refresh_tokens (session_id);

-- Ours, and not auth.jwks: the existing service signs with the newest key that
-- it finds there, and could not open one of ours if it had to come back.
CREATE TABLE auth.signing_keys (
    id          text PRIMARY KEY,
    public_key  text NOT NULL,
    private_key text NOT NULL,
    created_at  timestamptz NOT NULL
);
