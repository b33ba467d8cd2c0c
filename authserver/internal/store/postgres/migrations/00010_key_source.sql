-- The idempotency keys of users and of services are apart. A key is still found
-- by its hash alone.
DROP INDEX auth.credit_transactions_key_idx;
CREATE UNIQUE INDEX credit_transactions_key_idx ON auth.credit_transactions (key_hash, source) WHERE key_hash IS NOT NULL;
