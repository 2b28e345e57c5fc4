"""Where key material lives, so far in the server's processes; and the helpers that do slow work with it."""
