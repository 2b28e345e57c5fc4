"""`strongroom import`, against a real server, and the commands that it shows, run by a shell."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from tests.conftest import start_dev

REGION = "imported-1"
PEM = (
    serialization.Encoding.PEM,
    serialization.PrivateFormat.TraditionalOpenSSL,
    serialization.NoEncryption(),
)
SPKI = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


@pytest.fixture(scope="module")
def server():
    started = start_dev()
    yield started
    started.stop()


@pytest.fixture
def kms(server):
    return server.client("kms", REGION)


@pytest.fixture
def run(server, strongroom):
    def run(*words, **more):
        return strongroom("import", *words, **more, **settings(server))

    return run


def settings(server):
    return {
        "AWS_ENDPOINT_URL": server.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
    }


def waiting(kms, **wishes):
    return kms.create_key(Origin="EXTERNAL", **wishes)["KeyMetadata"]["Arn"]


def described(kms, key):
    return kms.describe_key(KeyId=key)["KeyMetadata"]


def test_symmetric_material(kms, run, tmp_path):
    key = waiting(kms)
    (tmp_path / "secret").write_bytes(os.urandom(32))
    said = run(key, "--material", "secret", "--description", "from a test")
    assert (said.code, said.out) == (0, "")
    now = described(kms, key)
    assert said.err == (
        f"{key}: imported, material {now['CurrentKeyMaterialId']}, wrapped by RSAES_OAEP_SHA_256\n"
    )
    assert now["KeyState"] == "Enabled"
    (tmp_path / "secret").write_bytes(os.urandom(32))
    said = run(key, "--material", "secret")
    assert "IncorrectKeyMaterialException" in said.sentence
    assert run(key, "--material", "secret", "--new", "--valid-to", "2099-01-01").code == 1
    assert run(key, "--material", "secret", "--new", "-q").err == ""
    kms.rotate_key_on_demand(KeyId=key)
    assert described(kms, key)["CurrentKeyMaterialId"] != now["CurrentKeyMaterialId"]


@pytest.mark.parametrize(
    ("spec", "made"),
    [
        ("ECC_NIST_P384", lambda: ec.generate_private_key(ec.SECP384R1())),
        ("RSA_2048", lambda: rsa.generate_private_key(65537, 2048)),
    ],
)
def test_a_private_key_in_pem(kms, run, tmp_path, spec, made):
    key, private = waiting(kms, KeySpec=spec, KeyUsage="SIGN_VERIFY"), made()
    (tmp_path / "key.pem").write_bytes(private.private_bytes(*PEM))
    said = run(key, "--material", "key.pem")
    assert (said.code, said.err) == (0, f"{key}: imported, wrapped by RSA_AES_KEY_WRAP_SHA_256\n")
    public = kms.get_public_key(KeyId=key)["PublicKey"]
    assert public == private.public_key().public_bytes(*SPKI)


def test_what_is_no_material(kms, run, tmp_path):
    key = waiting(kms, KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
    files = {
        "text": (b"nothing", "neither PEM nor DER"),
        "empty": (b"", "neither PEM nor DER"),
        "large": (b"x" * 20_000, "larger than any key"),
        "sealed": (
            ec.generate_private_key(ec.SECP256R1()).private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.BestAvailableEncryption(b"pass"),
            ),
            "under a passphrase",
        ),
    }
    for name, (content, words) in files.items():
        (tmp_path / name).write_bytes(content)
        assert words in run(key, "--material", name).sentence
    assert "absent" in run(key, "--material", "absent").sentence
    own = kms.create_key()["KeyMetadata"]["Arn"]
    assert "origin AWS_KMS" in run(own, "--material", "text").sentence
    assert "give a date" in run(key, "--material", "text", "--valid-to", "soon").sentence
    assert described(kms, key)["KeyState"] == "PendingImport"


@pytest.mark.parametrize("spec", ["SYMMETRIC_DEFAULT", "ECC_NIST_P256"])
def test_the_commands_that_it_shows_do_the_same(server, kms, run, tmp_path, spec):
    if shutil.which("openssl") is None:
        pytest.fail("openssl is missing; install it (apt-get install openssl)")
    private = ec.generate_private_key(ec.SECP256R1())
    symmetric = spec == "SYMMETRIC_DEFAULT"
    usage = "ENCRYPT_DECRYPT" if symmetric else "SIGN_VERIFY"
    key = waiting(kms, KeySpec=spec, KeyUsage=usage)
    name = "a material"
    (tmp_path / name).write_bytes(os.urandom(32) if symmetric else private.private_bytes(*PEM))
    said = run(key, "--material", name, "--show")
    assert (said.code, said.err) == (0, "")
    assert described(kms, key)["KeyState"] == "PendingImport"
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    subprocess.run(
        ["bash", "-euo", "pipefail", "-c", said.out],
        check=True,
        cwd=tmp_path,
        env={"PATH": path, "HOME": str(tmp_path), **settings(server)},
        capture_output=True,
    )
    assert described(kms, key)["KeyState"] == "Enabled"
    if not symmetric:
        public = kms.get_public_key(KeyId=key)["PublicKey"]
        assert public == private.public_key().public_bytes(*SPKI)


def test_the_commands_that_it_shows_ask_whom_it_was_told_to(server, kms, tmp_path, strongroom):
    key = waiting(kms)
    (tmp_path / "material").write_bytes(os.urandom(32))
    (tmp_path / "config").write_text(
        "[profile elsewhere]\naws_access_key_id = test\naws_secret_access_key = test\n"
    )
    config = str(tmp_path / "config")
    words = ("--endpoint-url", server.url, "--profile", "elsewhere", "--show")
    said = strongroom("import", key, "--material", "material", *words, AWS_CONFIG_FILE=config)
    assert (said.code, said.err) == (0, "")
    asks = [line for line in said.out.splitlines() if line.startswith("aws ")]
    begins = f"aws --region {REGION} --endpoint-url {server.url} --profile elsewhere kms "
    assert len(asks) == 2
    assert all(line.startswith(begins) for line in asks)
