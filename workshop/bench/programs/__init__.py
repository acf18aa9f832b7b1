"""Programs that are measured: each is run as a server, in its own process."""
