"""`strongroom import`: key material of one's own for a key that waits for it."""

import datetime
import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from strongroom.cli.files import EndpointUrl, Profile, Quiet, Region, fail, one_sentence, say


def import_(
    key: Annotated[str, typer.Argument(metavar="KEY", help="Key id or key ARN.")],
    material: Annotated[
        str,
        typer.Option(
            "--material",
            metavar="FILE",
            help="32 bytes, an HMAC key, or a private key in PEM or DER; `-` is standard input.",
        ),
    ],
    valid_to: Annotated[
        str | None,
        typer.Option(
            "--valid-to", metavar="DATE", help="When it expires, as 2027-01-31 or with a time."
        ),
    ] = None,
    new: Annotated[
        bool,
        typer.Option("--new", help="Material to rotate to, of a key that has some already."),
    ] = False,
    description: Annotated[
        str | None, typer.Option("--description", metavar="TEXT", help="Of symmetric material.")
    ] = None,
    show: Annotated[
        bool,
        typer.Option(
            "--show", help="Import nothing; print the aws and openssl commands that would."
        ),
    ] = False,
    quiet: Quiet = False,
    endpoint_url: EndpointUrl = None,
    region: Region = None,
    profile: Profile = None,
) -> None:
    """Import key material into KEY, whose origin is EXTERNAL.

    The material is wrapped here, under a key that KMS makes for this once, and does not leave this
    machine otherwise. Keep FILE: KMS does not give it back.
    """
    with one_sentence():
        from strongroom.client.endpoint import Endpoint
        from strongroom.client.importing import LONGEST, commands, import_material

        options = _options(valid_to, new=new, description=description)
        with Endpoint(endpoint_url=endpoint_url, region=region, profile=profile) as endpoint:
            kms = endpoint.client_of(key)
            if show:
                settings = _settings(endpoint_url, profile)
                typer.echo(commands(kms, key, material, _words(options), settings), nl=False)
                return
            done = import_material(kms, key, _read(material, LONGEST), options)
        if not quiet:
            named = f", material {done.material_id}" if done.material_id else ""
            say(f"{done.key}: imported{named}, wrapped by {done.algorithm}")


def _options(valid_to: str | None, *, new: bool, description: str | None) -> dict[str, Any]:
    options: dict[str, Any] = {"ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}
    if valid_to is not None:
        options = {"ExpirationModel": "KEY_MATERIAL_EXPIRES", "ValidTo": _moment(valid_to)}
    if new:
        options["ImportType"] = "NEW_KEY_MATERIAL"
    if description is not None:
        options["KeyMaterialDescription"] = description
    return options


def _moment(text: str) -> datetime.datetime:
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        fail(f"`--valid-to {text}`: give a date, as 2027-01-31 or 2027-01-31T12:00:00Z")
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=datetime.UTC)


def _words(options: dict[str, Any]) -> str:
    """The same as options of the AWS CLI."""
    names = {
        "ExpirationModel": "--expiration-model",
        "ValidTo": "--valid-to",
        "ImportType": "--import-type",
        "KeyMaterialDescription": "--key-material-description",
    }
    return " ".join(
        f"{names[name]} {value.isoformat() if name == 'ValidTo' else shlex.quote(value)}"
        for name, value in options.items()
    )


def _settings(endpoint_url: str | None, profile: str | None) -> str:
    """Whom to ask, as options of the AWS CLI; nothing of what its environment says anyway."""
    given = {"--endpoint-url": endpoint_url, "--profile": profile}
    return "".join(f" {name} {shlex.quote(value)}" for name, value in given.items() if value)


def _read(file: str, most: int) -> bytes:
    """The bytes of a file of at most `most`."""
    if file == "-":
        found = sys.stdin.buffer.read(most + 1)
    else:
        with Path(file).open("rb") as opened:
            found = opened.read(most + 1)
    if len(found) > most:
        fail(f"`{file}` is larger than any key: more than {most} bytes")
    return found
