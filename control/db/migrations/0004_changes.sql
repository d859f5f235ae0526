-- Changes of vector data since they were stored, numbered from 1 without a gap. Those that have been put into the
-- data are forgotten, a whole published part at a time.

CREATE TABLE change (
    stored_data uuid NOT NULL REFERENCES stored_data ON DELETE CASCADE,
    number bigint NOT NULL CHECK (number >= 1),
    feature bigint NOT NULL CHECK (feature BETWEEN 0 AND 4294967294),
    -- Well-known binary in the CRS of the data; null when the feature was removed.
    geometry bytea,
    properties jsonb NOT NULL,
    creation timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (stored_data, number)
);
CREATE INDEX change_feature ON change (stored_data, feature);

-- Objects of data that were stored anew: removed when no engine reads them any more.
CREATE TABLE superseded (
    key text PRIMARY KEY,
    stored_data uuid NOT NULL REFERENCES stored_data ON DELETE CASCADE,
    creation timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX superseded_creation ON superseded (creation);
