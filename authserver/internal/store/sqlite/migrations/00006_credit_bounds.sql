-- Up to when what overdue reservations of the account hold was returned to it
-- by their sum. Those of them that are still open only wait to be marked.
ALTER TABLE credit_accounts ADD COLUMN returned_to INTEGER;

-- What an app did with a user, however much other apps did, and the user's own
-- client in the app's name.
CREATE INDEX credit_transactions_app_idx ON credit_transactions (user_id, app_id, source, type, entry);
