"""The database: the embedded server, the pool of connections, the migrations."""
