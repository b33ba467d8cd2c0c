-- The idempotency keys of users and of services are apart.
DROP INDEX credit_transactions_key_idx;
CREATE UNIQUE INDEX credit_transactions_key_idx ON credit_transactions (user_id, app_id, idempotency_key, source) WHERE idempotency_key IS NOT NULL;

DROP TRIGGER credit_transactions_no_replace;
CREATE TRIGGER credit_transactions_no_replace BEFORE INSERT ON credit_transactions
WHEN EXISTS (SELECT 1 FROM credit_transactions t WHERE t.rowid = NEW.rowid)
    OR EXISTS (SELECT 1 FROM credit_transactions t WHERE t.id = NEW.id)
    OR EXISTS (SELECT 1 FROM credit_transactions t WHERE t.user_id = NEW.user_id AND t.entry = NEW.entry)
    OR EXISTS (SELECT 1 FROM credit_transactions t
        WHERE t.user_id = NEW.user_id AND t.app_id = NEW.app_id AND t.idempotency_key = NEW.idempotency_key AND t.source = NEW.source)
    OR EXISTS (SELECT 1 FROM credit_transactions t WHERE t.app_id = NEW.app_id AND t.reference_id = NEW.reference_id)
    OR EXISTS (SELECT 1 FROM credit_transactions t WHERE t.reservation_id = NEW.reservation_id)
BEGIN SELECT RAISE(ABORT, 'credit_transactions is append-only'); END;
