"""A KMS in memory, the calls of it that envelope encryption makes, and AWS's SDKs as filters.

The KMS has real AES-GCM and botocore's exceptions.  Behind a loopback port it speaks enough of
KMS's JSON for AWS's clients; signatures are not looked at.
"""

# ruff: noqa: N803

import base64
import json
import os
import shutil
import subprocess
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY = "arn:aws:kms:us-east-1:000000000000:key/11111111-2222-3333-4444-555555555555"
OTHER = "arn:aws:kms:eu-west-1:000000000000:key/99999999-2222-3333-4444-555555555555"
HERE = Path(__file__).parent


def refusal(code, message, operation):
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


@dataclass
class MemoryKms:
    """Keys by ARN.  A ciphertext is the ARN's length, the ARN, a nonce and AES-GCM's output."""

    keys: dict[str, bytes] = field(default_factory=lambda: {KEY: os.urandom(32)})
    next_data_key: bytes | None = None  # for known answers
    faults: dict[str, tuple[str, str]] = field(default_factory=dict)  # by operation or key
    calls: list[tuple[str, str, dict]] = field(default_factory=list)

    def _cipher(self, key_id, operation):
        for named in (operation, key_id):
            if named in self.faults:
                raise refusal(*self.faults[named], operation)
        if key_id not in self.keys:
            raise refusal("NotFoundException", f"Key '{key_id}' does not exist", operation)
        return AESGCM(self.keys[key_id])

    def _seal(self, key_id, plaintext, context, operation):
        nonce = bytes(12) if self.next_data_key else os.urandom(12)
        body = self._cipher(key_id, operation).encrypt(nonce, plaintext, _aad(context))
        return bytes([len(key_id)]) + key_id.encode() + nonce + body

    def generate_data_key(self, *, KeyId, KeySpec=None, NumberOfBytes=32, EncryptionContext=None):
        assert KeySpec in (None, "AES_256")
        assert NumberOfBytes == 32
        self.calls.append(("GenerateDataKey", KeyId, EncryptionContext))
        plaintext = self.next_data_key or os.urandom(32)
        blob = self._seal(KeyId, plaintext, EncryptionContext, "GenerateDataKey")
        return {"KeyId": KeyId, "Plaintext": plaintext, "CiphertextBlob": blob}

    def encrypt(self, *, KeyId, Plaintext, EncryptionContext=None):
        blob = self._seal(KeyId, Plaintext, EncryptionContext, "Encrypt")
        return {"KeyId": KeyId, "CiphertextBlob": blob}

    def decrypt(self, *, KeyId, CiphertextBlob, EncryptionContext=None):
        self.calls.append(("Decrypt", KeyId, EncryptionContext))
        cipher = self._cipher(KeyId, "Decrypt")
        size = 1 + CiphertextBlob[0]
        named, rest = CiphertextBlob[1:size], CiphertextBlob[size:]
        if named != KeyId.encode():
            raise refusal("IncorrectKeyException", "not that key", "Decrypt")
        try:
            plaintext = cipher.decrypt(rest[:12], rest[12:], _aad(EncryptionContext))
        except (InvalidTag, ValueError):
            raise refusal("InvalidCiphertextException", "", "Decrypt") from None
        return {"KeyId": KeyId, "Plaintext": plaintext}


def _aad(context):
    return json.dumps(context or {}, sort_keys=True).encode()


class _Wire(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    blobs = ("Plaintext", "CiphertextBlob")
    methods = {  # noqa: RUF012
        "GenerateDataKey": "generate_data_key",
        "Encrypt": "encrypt",
        "Decrypt": "decrypt",
    }

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        for name in body.keys() & set(self.blobs):
            body[name] = base64.b64decode(body[name])
        operation = self.headers["X-Amz-Target"].removeprefix("TrentService.")
        body.pop("GrantTokens", None)
        try:
            answer, status = getattr(self.server.kms, self.methods[operation])(**body), 200
        except ClientError as fault:
            error = fault.response["Error"]
            answer, status = {"__type": error["Code"], "message": error["Message"]}, 400
        for name in answer.keys() & set(self.blobs):
            answer[name] = base64.b64encode(answer[name]).decode()
        payload = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, *args):
        pass


@pytest.fixture
def kms():
    return MemoryKms()


@pytest.fixture
def key():
    return KEY


@pytest.fixture
def other_key():
    return OTHER


@pytest.fixture
def kms_url(kms):
    """The `kms` of this test behind a loopback port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Wire) as server:
        server.daemon_threads = True
        server.kms = kms
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


class PythonSdk:
    """aws-encryption-sdk for Python with its KMS providers, at an endpoint."""

    def __init__(self, url):
        self.url = url

    def _provider(self, kind, **options):
        import botocore.session
        from botocore.config import Config

        clients = []

        class Here(kind):
            def add_regional_client(self, region_name):
                if region_name not in self._regional_clients:
                    client = botocore.session.Session().create_client(
                        "kms",
                        region_name=region_name,
                        endpoint_url=self_.url,
                        aws_access_key_id="test",
                        aws_secret_access_key="test",
                        config=Config(retries={"max_attempts": 0}),
                    )
                    clients.append(client)
                    self._regional_clients[region_name] = client

        self_ = self
        return Here(**options), clients

    def _run(self, mode, data, kind, provider_options, **options):
        from aws_encryption_sdk import CommitmentPolicy, EncryptionSDKClient

        client = EncryptionSDKClient(
            commitment_policy=CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT
        )
        provider, clients = self._provider(kind, **provider_options)
        try:
            with client.stream(mode=mode, source=data, key_provider=provider, **options) as stream:
                return stream.read(), stream.header.encryption_context
        finally:
            for each in clients:
                each.close()

    def encrypt(self, data, keys, *, suite=None, frame_length=None, context=None):
        from aws_encryption_sdk import StrictAwsKmsMasterKeyProvider
        from aws_encryption_sdk.identifiers import AlgorithmSuite

        options = {"encryption_context": context or {}}
        if suite is not None:
            options["algorithm"] = AlgorithmSuite.get_by_id(suite)
        if frame_length is not None:
            options["frame_length"] = frame_length
        kind, where = StrictAwsKmsMasterKeyProvider, {"key_ids": list(keys)}
        return self._run("e", data, kind, where, **options)[0]

    def decrypt(self, message, *, context=None):
        from aws_encryption_sdk import DiscoveryAwsKmsMasterKeyProvider

        plaintext, found = self._run("d", message, DiscoveryAwsKmsMasterKeyProvider, {})
        assert (context or {}).items() <= found.items()
        return plaintext


class JavaScriptSdk:
    """@aws-crypto/client-node with its KMS keyrings, at an endpoint."""

    def __init__(self, url):
        self.url = url

    def _run(self, verb, data, **options):
        options["endpoint"] = self.url
        done = subprocess.run(
            ["node", HERE / "js" / "message.mjs", verb, json.dumps(options)],
            input=data,
            capture_output=True,
            timeout=60,
            check=False,
            env={**os.environ, "NODE_NO_WARNINGS": "1"},
        )
        if done.returncode:
            raise RuntimeError(done.stderr.decode())
        return done.stdout

    def encrypt(self, data, keys, *, suite=None, frame_length=None, context=None):
        return self._run(
            "encrypt",
            data,
            keys=list(keys),
            suite=suite,
            frameLength=frame_length,
            context=context or {},
        )

    def decrypt(self, message, *, context=None):
        return self._run("decrypt", message, context=context or {})


@pytest.fixture(params=["python", "javascript"])
def sdk_at(request):
    """One of AWS's SDKs, by the URL of the KMS it is to use."""
    if request.param == "python":
        return PythonSdk
    there = shutil.which("node") and (HERE.parent / "js" / "node_modules").is_dir()
    if not there and "CI" not in os.environ:
        pytest.skip("node or its packages are not installed: run `make setup`")
    return JavaScriptSdk
