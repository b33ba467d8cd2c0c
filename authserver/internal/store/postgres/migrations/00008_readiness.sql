-- Ours: what a server stores to find out whether it can.
CREATE TABLE auth.readiness (
    id smallint PRIMARY KEY CHECK (id = 1),
    at timestamptz NOT NULL
);
INSERT INTO auth.readiness (id, at) VALUES (1, now());
