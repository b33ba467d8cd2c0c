-- A key that is there has signed from the beginning, and tokens that live as
-- long as any may. Durations are milliseconds.

ALTER TABLE jwks ADD COLUMN signs_from INTEGER;
ALTER TABLE jwks ADD COLUMN token_ttl INTEGER NOT NULL DEFAULT 86400000;
ALTER TABLE jwks ADD COLUMN retired_at INTEGER;
UPDATE jwks SET signs_from = created_at;
