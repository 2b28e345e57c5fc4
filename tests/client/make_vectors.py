"""Write vectors/message anew: `python tests/client/make_vectors.py`.

The messages are sealed by AWS's SDKs (and one by us, with its randomness fixed) under data keys
that a KMS in memory was told to give, so that they can be opened without it.
"""

import hashlib
import importlib.util
import io
import json
import threading
from http.server import ThreadingHTTPServer
from pathlib import Path

from strongroom.client.sealing import encrypt_with

HERE = Path(__file__).parent
VECTORS = HERE.parents[1] / "vectors" / "message"
CONTEXT = {"purpose": "known answer", "Straße": "42"}
PLAIN, SIGNED = 0x0478, 0x0578


def load_conftest():
    spec = importlib.util.spec_from_file_location("client_conftest", HERE / "conftest.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def plaintext_of(name, size):
    """`size` bytes that anyone can make again: SHAKE-128 of the vector's name."""
    return hashlib.shake_128(name.encode()).digest(size)


# name, which SDK, suite, frame length (0: single block), size, number of keys
CASES = [
    ("python-default", "python", None, None, 10_000, 1),
    ("python-0478", "python", PLAIN, None, 10_000, 1),
    ("python-0478-empty", "python", PLAIN, None, 0, 1),
    ("python-0478-frames-of-128", "python", PLAIN, 128, 512, 1),
    ("python-0478-two-keys", "python", PLAIN, None, 100, 2),
    ("python-0478-single-block", "python", PLAIN, 0, 1000, 1),
    ("python-0578-single-block", "python", SIGNED, 0, 1000, 1),
    ("javascript-default", "javascript", None, None, 10_000, 1),
    ("javascript-0478", "javascript", PLAIN, None, 10_000, 1),
    ("javascript-0478-empty", "javascript", PLAIN, None, 0, 1),
    ("javascript-0478-frames-of-7", "javascript", PLAIN, 7, 21, 1),
    ("javascript-0578-two-keys", "javascript", SIGNED, 64, 100, 2),
    ("strongroom", "strongroom", PLAIN, 64, 150, 1),
]


def main():
    conftest = load_conftest()
    keys = [conftest.KEY, conftest.OTHER]
    kms = conftest.MemoryKms(keys=dict.fromkeys(keys, bytes(32)))
    rows = []
    with ThreadingHTTPServer(("127.0.0.1", 0), conftest._Wire) as server:
        server.daemon_threads, server.kms = True, kms
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        sdks = {"python": conftest.PythonSdk(url), "javascript": conftest.JavaScriptSdk(url)}
        for name, by, suite, frame_length, size, count in CASES:
            kms.next_data_key = hashlib.sha256(b"data key of " + name.encode()).digest()
            plaintext = plaintext_of(name, size)
            if by == "strongroom":
                sink = io.BytesIO()
                encrypt_with(
                    hashlib.sha256(b"message id of " + name.encode()).digest(),
                    io.BytesIO(plaintext),
                    sink,
                    key=keys[0],
                    kms=kms,
                    context=CONTEXT,
                    frame_length=frame_length,
                )
                message = sink.getvalue()
            else:
                message = sdks[by].encrypt(
                    plaintext,
                    keys[:count],
                    suite=suite,
                    frame_length=frame_length,
                    context=CONTEXT,
                )
            (VECTORS / f"{name}.bin").write_bytes(message)
            rows.append(
                {
                    "name": name,
                    "signed": suite != PLAIN,
                    "single_block": frame_length == 0,
                    "data_key": kms.next_data_key.hex(),
                    "keys": keys[:count],
                    "context": CONTEXT,
                    "size": size,
                }
            )
        server.shutdown()
    text = json.dumps(rows, indent=2, ensure_ascii=False) + "\n"
    (VECTORS / "vectors.json").write_text(text)


if __name__ == "__main__":
    main()
