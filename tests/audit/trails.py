"""Trails to break: files written by the real writer, and records to put in them."""

import os

from strongroom.audit.verify import verify
from strongroom.audit.writer import Writer
from strongroom.clock import Clock

KEY = bytes(range(32))


def rec(text):
    return b'{"eventVersion":"1.11","eventName":"%b"}' % str(text).encode()


def writer(folder, worker=0, *, durable=False, max_bytes=1 << 20, clock=None):
    return Writer(
        folder, worker, key=KEY, durable=durable, clock=clock or Clock(), max_bytes=max_bytes
    )


def files(folder):
    """The folder's trail files by number, oldest first."""
    return [folder / report.name for report in verify(folder, KEY)]


def names(folder):
    """What all the records in a folder say, in order."""
    return [
        line.split(b'"eventName":"')[1].removesuffix(b'"}\n').decode()
        for path in files(folder)
        for line in path.read_bytes().splitlines(keepends=True)
        if line.startswith(b'{"eventVersion"')
    ]


def kinds(folder, key=KEY):
    return [[finding.kind for finding in report.findings] for report in verify(folder, key)]


def sound(folder):
    return all(report.sound for report in verify(folder, KEY))


def kill(victim):
    """Leave a writer's file as a killed process leaves it: not ended, and no longer locked."""
    os.close(victim._sheet.fd)
