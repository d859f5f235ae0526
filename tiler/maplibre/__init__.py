"""How clients draw vector tiles: styles, letters and icons for MapLibre."""
