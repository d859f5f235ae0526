-- How the vector tiles of a layer are drawn, as core.map_style encodes it, the default first; empty for what every layer has.
ALTER TABLE configuration
    ADD COLUMN map_styles jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(map_styles) = 'array');
