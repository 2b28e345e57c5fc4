"""A new key for a domain, while everybody goes on: `strongroom rotate`.

    1  the new key stands beside the old one; from that commit on everything is written under it
    2  rows under the old one are written again, some in each transaction, with others' in between
    3  the old one is forgotten

Whoever dies in between leaves a domain with two keys, which is as good as one; it is gone on with the next
time.
"""

from time import sleep

from strongroom.storage.books import Home
from strongroom.storage.schema import domains
from strongroom.storage.store import Store
from strongroom.storage.things import COUNTED

_AT_ONCE = 500  # rows: some tenth of a second


def renew(store: Store, home: Home) -> int:
    """Give a domain a new key; how many rows were written again.  Tampered at a row that was altered."""
    with store.writing() as books:
        books.renew_domain(*home)
    count = 0
    for table in COUNTED:
        if table is domains or ("region" not in table.c and home[1]):
            continue
        after: tuple[object, ...] = ()
        while True:
            with store.writing() as books:
                after, written = books.sign_again(table, *home, after, _AT_ONCE)
            count += written
            if not after:
                break
            sleep(store.pause)
    with store.writing() as books:
        books.settle_domain(*home)
    return count
