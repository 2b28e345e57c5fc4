"""What must not lie on the disk or in the log in the clear, looked for in every file.

The test holds the root key and so can say what the secrets are: the root key itself, domain keys,
the material of every key, secret access keys, and whatever clients sent or got.
"""

import base64
import subprocess
import time

import pytest
from tests.conftest import STRONGROOM, Server, init

from strongroom.storage import rootkey
from strongroom.storage.books import Books
from strongroom.storage.database import Database
from strongroom.storage.page import Page
from strongroom.storage.store import Store

REGION = "test-1"
SENT = b"the plaintext that a client sent, 0123456789"


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def served(folder):
    """A server of the folder, all of whose words go to a file beside it."""
    credential = init(folder, "--account", "000000000000")
    said = folder.parent / "said"
    with said.open("wb") as file:
        process = subprocess.Popen(
            [*STRONGROOM, "serve", "--data", folder, "--listen", "127.0.0.1:0", "--workers", "2"],
            stdout=file,
            stderr=file,
        )
    until = time.monotonic() + 60
    while b"\n" not in (words := said.read_bytes()):
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.05)
    server = Server(words.decode().split(" on ")[1].split()[0], process, *credential)
    yield server
    if process.poll() is None:
        server.stop()


def contents(folder):
    """All bytes of the folder's files, and all that the server said."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return b"\0".join(path.read_bytes() for path in [*paths, folder.parent / "said"])


def spellings(secret):
    """The ways in which a secret may be written down."""
    encoded = base64.b64encode(secret).rstrip(b"=")
    return {
        secret,
        secret.hex().encode(),
        secret.hex().upper().encode(),
        encoded[:-1],
        base64.urlsafe_b64encode(secret).rstrip(b"=")[:-1],
        repr(secret).encode(),
    }


def secrets_of(folder, root):
    """Every secret that the folder seals, opened."""
    store = Store(Database(folder / "strongroom.db"), root, Page.blank())
    with store.reading() as books:
        assert isinstance(books, Books)
        found = [bytes(root)]
        for key in books.all_keys():
            found += [material.secret for material in key.materials.values()]
        for domain in store._domains.values():
            found += [domain._wrapping, domain._mac]
    store.close()
    return found


def test_no_secret_lies_about(served, folder):
    kms = served.client("kms", REGION)
    exchanged = []
    for _ in range(3):
        key_id = kms.create_key(Description="seen")["KeyMetadata"]["KeyId"]
        kms.rotate_key_on_demand(KeyId=key_id)
        blob = kms.encrypt(KeyId=key_id, Plaintext=SENT, EncryptionContext={"seen": "too"})
        kms.decrypt(CiphertextBlob=blob["CiphertextBlob"], EncryptionContext={"seen": "too"})
        made = kms.generate_data_key(KeyId=key_id, KeySpec="AES_256")
        kms.decrypt(CiphertextBlob=made["CiphertextBlob"])
        drawn = kms.generate_random(NumberOfBytes=32)["Plaintext"]
        exchanged += [blob["CiphertextBlob"], made["CiphertextBlob"], made["Plaintext"], drawn]
        with pytest.raises(kms.exceptions.ClientError):  # refusals say no more than successes
            kms.decrypt(CiphertextBlob=made["CiphertextBlob"], EncryptionContext={"x": "y"})
        with pytest.raises(kms.exceptions.ClientError):
            kms.encrypt(KeyId="fake", Plaintext=SENT)
    kms.close()

    root = rootkey.read_file(folder.parent / "data.root-key")
    secrets = [*secrets_of(folder, root), *exchanged, SENT, served.secret_access_key.encode()]
    assert len(secrets) > 20
    kept = contents(folder)
    assert served.stop() == 0
    kept += contents(folder)
    assert b"seen" in kept  # descriptions and contexts are no secrets, and this finds them
    for number, secret in enumerate(secrets):
        for spelling in spellings(secret):
            assert spelling not in kept, f"secret {number} lies about"
