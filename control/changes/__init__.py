"""Changes of vector layers: recorded, published, and put into the data from time to time."""
