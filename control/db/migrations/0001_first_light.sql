-- The way of a layer: community > datastore > stored data > configuration > offering > publication.
-- Core types alone: no extension, so that any PostgreSQL 15 or newer will do.

CREATE TABLE community (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    technical_name text NOT NULL UNIQUE,
    name text NOT NULL,
    creation timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE datastore (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    community uuid NOT NULL REFERENCES community,
    technical_name text NOT NULL UNIQUE,
    name text NOT NULL,
    creation timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX datastore_community ON datastore (community);

CREATE TABLE endpoint (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    technical_name text NOT NULL UNIQUE,
    name text NOT NULL,
    type text NOT NULL CHECK (type IN (
        'WMS-VECTOR', 'WFS', 'WMTS-TMS', 'WMS-RASTER', 'DOWNLOAD', 'ITINERARY-ISOCURVE', 'ALTIMETRY', 'SEARCH',
        'VECTOR-TMS', 'METADATA'
    )),
    open boolean NOT NULL DEFAULT true,
    creation timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE stored_data (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    datastore uuid NOT NULL REFERENCES datastore,
    name text NOT NULL,
    -- Not a closed list: what we store is open formats (COG, GEOPARQUET), which the entrepot's own list, made for
    -- its servers' formats (ROK4-PYRAMID-RASTER, VECTOR-DB ...), does not name, and both may grow.
    type text NOT NULL CHECK (type ~ '^[A-Z0-9][A-Z0-9-]{0,39}$'),
    status text NOT NULL CHECK (status IN (
        'CREATED', 'GENERATING', 'MODIFYING', 'GENERATED', 'DELETED', 'UNSTABLE'
    )),
    srs text NOT NULL DEFAULT '',
    size bigint NOT NULL DEFAULT 0 CHECK (size >= 0),
    -- The objects' keys begin with this and a slash.
    prefix text NOT NULL UNIQUE,
    -- How an engine serves it, as core.layer encodes it.
    source jsonb,
    west double precision CHECK (west BETWEEN -180 AND 180),
    south double precision CHECK (south BETWEEN -90 AND 90),
    east double precision CHECK (east BETWEEN -180 AND 180),
    north double precision CHECK (north BETWEEN -90 AND 90),
    -- For searching. West of east is across the antimeridian: the box is then all longitudes, never too small.
    bbox box GENERATED ALWAYS AS (
        CASE WHEN west <= east THEN box(point(west, south), point(east, north))
             ELSE box(point(-180, south), point(180, north)) END
    ) STORED,
    sample_longitude double precision,
    sample_latitude double precision,
    creation timestamptz NOT NULL DEFAULT now(),
    last_change timestamptz NOT NULL DEFAULT now(),
    CHECK (south <= north),
    CHECK (status <> 'GENERATED' OR (
        source IS NOT NULL AND west IS NOT NULL AND south IS NOT NULL AND east IS NOT NULL AND north IS NOT NULL
        AND sample_longitude IS NOT NULL AND sample_latitude IS NOT NULL
    ))
);
CREATE INDEX stored_data_datastore ON stored_data (datastore);
CREATE INDEX stored_data_unfinished ON stored_data (status) WHERE status <> 'GENERATED';
CREATE INDEX stored_data_bbox ON stored_data USING gist (bbox);

CREATE TABLE configuration (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    datastore uuid NOT NULL REFERENCES datastore,
    stored_data uuid NOT NULL REFERENCES stored_data,
    type text NOT NULL CHECK (type IN (
        'WMS-VECTOR', 'WFS', 'WMTS-TMS', 'WMS-RASTER', 'DOWNLOAD', 'ITINERARY-ISOCURVE', 'ALTIMETRY', 'SEARCH',
        'VECTOR-TMS'
    )),
    status text NOT NULL CHECK (status IN ('UNPUBLISHED', 'PUBLISHED', 'SYNCHRONIZING')),
    layer_name text NOT NULL,
    title text NOT NULL,
    abstract text NOT NULL DEFAULT '',
    creation timestamptz NOT NULL DEFAULT now(),
    last_change timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT configuration_layer_name UNIQUE (type, layer_name)
);
CREATE INDEX configuration_datastore ON configuration (datastore);
CREATE INDEX configuration_stored_data ON configuration (stored_data);
-- The engine looks layers up by name alone, so the types it serves share their names.
CREATE UNIQUE INDEX configuration_served_name ON configuration (layer_name)
    WHERE type IN ('WMTS-TMS', 'VECTOR-TMS', 'DOWNLOAD');

CREATE TABLE offering (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    configuration uuid NOT NULL REFERENCES configuration,
    endpoint uuid NOT NULL REFERENCES endpoint,
    open boolean NOT NULL DEFAULT true,
    status text NOT NULL CHECK (status IN (
        'PUBLISHING', 'MODIFYING', 'PUBLISHED', 'UNPUBLISHING', 'UNPUBLISHED', 'UNSTABLE'
    )),
    creation timestamptz NOT NULL DEFAULT now(),
    last_change timestamptz NOT NULL DEFAULT now(),
    UNIQUE (configuration, endpoint)
);
CREATE INDEX offering_endpoint ON offering (endpoint);

-- One row, so that the second of two transactions that publish waits for the first:
-- a sequence would let the higher number be seen before the lower one is committed.
CREATE TABLE revision (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    current bigint NOT NULL
);
INSERT INTO revision (current) VALUES (1);

CREATE TABLE publication (
    revision bigint PRIMARY KEY,
    -- SHA-256 of the manifest, and the object keys of its parts.
    digest text NOT NULL,
    parts text[] NOT NULL,
    creation timestamptz NOT NULL DEFAULT now()
);
