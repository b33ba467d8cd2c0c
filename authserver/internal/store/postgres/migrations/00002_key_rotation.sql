-- A key that is there has signed from the beginning, and tokens that live as
-- long as any may. token_ttl is in milliseconds.

ALTER TABLE auth.signing_keys
    ADD COLUMN signs_from timestamptz,
    ADD COLUMN token_ttl  bigint NOT NULL DEFAULT 86400000,
    ADD COLUMN retired_at timestamptz;
UPDATE auth.signing_keys SET signs_from = created_at;
