"""Where key material lives: so far in this process."""
