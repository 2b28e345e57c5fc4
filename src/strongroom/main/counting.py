"""What `/metrics` tells: every exchange counted once, in slots that the workers share."""

import time
from collections.abc import Iterator
from pathlib import Path

from strongroom.errors import Fault
from strongroom.metering.layout import Layout
from strongroom.metering.meter import Meter
from strongroom.metering.scrape import scrape
from strongroom.metering.slots import Slots
from strongroom.server.exchange import Exchange
from strongroom.server.operations import Endpoint, Offered


class Counting:
    """One worker's counts.  Raises OSError if its slots cannot be had."""

    def __init__(self, folder: Path, services: list[Offered]) -> None:
        self._folder = folder
        self._layout = Layout(
            ((service.source, name) for service in services for name in service.shapes),
            (kind.code for kind in _kinds(Fault)),
        )
        self._slots = Slots(folder, self._layout)
        self._meter = Meter(self._layout, self._slots)
        self.begun = self._meter.begun
        """`begun(length)`: a request has arrived, with a body of so many bytes."""
        self._places: dict[Endpoint | None, int] = {}

    def ended(self, exchange: Exchange) -> None:
        endpoint, fault, answer = exchange.endpoint, exchange.fault, exchange.answer
        place = self._places.get(endpoint) or self._place(endpoint)
        took = int((time.perf_counter() - exchange.began) * 1e9)
        sent = 0 if answer is None else len(answer.body)
        if fault is None:
            self._meter.succeeded(place, took, sent)
        else:
            self._meter.refused(place, fault.code, took, sent)

    def _place(self, endpoint: Endpoint | None) -> int:
        if endpoint is None:
            place = self._meter.place("", "")
        else:
            place = self._meter.place(endpoint.service.source, endpoint.name)
        self._places[endpoint] = place
        return place

    def page(self) -> bytes:
        """The text of `/metrics`, over all workers."""
        return scrape(self._folder, self._layout)

    def close(self) -> None:
        self._slots.close()


def _kinds(kind: type[Fault]) -> Iterator[type[Fault]]:
    for each in kind.__subclasses__():
        if hasattr(each, "code"):
            yield each
        yield from _kinds(each)
