"""Job programs: the child processes that decode what users send."""
