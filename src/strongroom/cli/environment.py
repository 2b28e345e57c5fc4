"""`strongroom env`: what to export so that every AWS client uses Strongroom."""

import shlex
from typing import Annotated

import typer

OVERRULING = (
    "AWS_SESSION_TOKEN",
    "AWS_PROFILE",
    "AWS_ENDPOINT_URL_KMS",
    "AWS_ENDPOINT_URL_STS",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
)
"""What would win over the exports in somebody's shell."""


def env(
    url: Annotated[str, typer.Option("--url", help="Where the server listens.")] = (
        "http://127.0.0.1:4599"
    ),
    region: Annotated[str, typer.Option("--region")] = "us-east-1",
    access_key_id: Annotated[str, typer.Option("--access-key-id")] = "test",
    secret_access_key: Annotated[str, typer.Option("--secret-access-key")] = "test",  # noqa: S107 - of throw-away servers, known to all
) -> None:
    """Print exports for a shell: `eval "$(strongroom env)"`.

    The access key is that of `strongroom dev`, unless another is given.
    """
    for line in exports(url, region, access_key_id, secret_access_key):
        print(line)  # noqa: T201


def exports(url: str, region: str, access_key_id: str, secret_access_key: str) -> list[str]:
    """The lines to paste: endpoint, access key, Region; and nothing that would overrule them."""
    values = {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": access_key_id,
        "AWS_SECRET_ACCESS_KEY": secret_access_key,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
    }
    lines = [f"export {name}={shlex.quote(value)}" for name, value in values.items()]
    return [*lines, f"unset {' '.join(OVERRULING)}"]
