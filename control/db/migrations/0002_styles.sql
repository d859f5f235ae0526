-- How a raster layer is shown, as core.style encodes it, the default first; empty for the engine's own ways.
ALTER TABLE configuration
    ADD COLUMN styles jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(styles) = 'array');
