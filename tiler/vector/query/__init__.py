"""Questions to vector layers: features by place, number and attribute, in pages or as files."""
