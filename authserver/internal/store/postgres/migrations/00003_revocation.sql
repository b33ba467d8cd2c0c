-- Ours: when an operator shut a user out. The existing service knows no such
-- thing and lets the user in again, should it come back.
ALTER TABLE auth.users ADD COLUMN disabled_at timestamptz;

-- Ours: which sessions ended before their time, for servers that remember
-- verdicts. Rows are dropped when nobody remembers anything that old.
CREATE TABLE auth.session_revocations (
    seq        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    session_id text NOT NULL,
    at         timestamptz NOT NULL
);
