"""What the suites call, under the names that they call; each module says which scenarios it serves."""
