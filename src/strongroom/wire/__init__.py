"""What the bytes say: requests, answers and faults, by protocol.  No I/O, no clock, no service."""
