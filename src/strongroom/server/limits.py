"""What one client may take from the others: sizes, times and counts.

Times are kept by a sweep over all connections, not by a timer for each, so every one of them may
be overrun by `Limits.sweep` seconds.
"""

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Limits:
    # The head of a request
    request_line: int = 8_192  # bytes, without its CRLF; more is 414
    head: int = 32_768  # bytes, request line and header fields; more is 431
    fields: int = 100  # header fields; more is 431
    head_time: float = 10.0  # seconds from the first byte (or the connection) to the last; 408

    # Its body
    body: int = 1_048_576  # bytes, decoded; more is 413
    body_grace: float = 10.0  # seconds before the rate counts
    body_rate: int = 4_096  # bytes a second on average after the grace; less is 408

    # The connection
    connections: int = 1_000  # at once, handshakes included; one more is answered 503 and closed
    backlog: int = 1_024  # connections the kernel holds until they are accepted
    handshake_time: float = 10.0  # seconds for the TLS handshake
    idle_time: float = 75.0  # seconds between requests; longer than most clients keep theirs
    pipelined: int = 65_536  # bytes read ahead behind an unanswered request, then reading pauses
    unsent: int = 65_536  # bytes of answers the client has not taken, then no more requests are run
    unsent_time: float = 20.0  # seconds it may stay so, then the connection is dropped
    linger_time: float = 2.0  # seconds a refused client has to read why, while it may still send
    linger: int = 16_777_216  # bytes it may send meanwhile, thrown away

    held: int = 33_554_432  # bytes of unfinished and waiting requests, all connections together

    # A worker that is told to stop
    grace: float = 25.0  # seconds for the answers in flight

    def __post_init__(self) -> None:
        for field in fields(self):
            if getattr(self, field.name) <= 0:
                raise ValueError(f"`{field.name}` must be more than 0")

    @property
    def sweep(self) -> float:
        """Seconds between two sweeps: a fifth of the shortest time, and at most one second."""
        shortest = min(
            self.head_time,
            self.body_grace,
            self.idle_time,
            self.unsent_time,
            self.linger_time,
        )
        return min(1.0, shortest / 5)
