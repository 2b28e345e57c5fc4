"""The commands and their settings.

A setting comes from its flag, else from the environment (`STRONGROOM_SERVE_WORKERS`), else from
the TOML file that `--config` or `STRONGROOM_CONFIG` names, in which each command has a table.
"""

import gc
import json
import tomllib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from strongroom import __version__, cores
from strongroom.cli import clock, environment, explanations, files, imports, policies
from strongroom.cli.terminal import clean
from strongroom.keys.specs import KEY_QUOTA
from strongroom.main import keeping
from strongroom.main.options import (
    AnchorFile,
    Data,
    Kept,
    PassphraseFile,
    RootKeyFile,
    ShareFiles,
    fail,
    one_sentence,
    opener,
    read_passphrase,
    reason,
    say,
)
from strongroom.storage import bounds

app = typer.Typer(
    name="strongroom",
    help="AWS KMS that you run yourself.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"auto_envvar_prefix": "STRONGROOM"},
)

_MOST_WORKERS = 256
_CORES = min(_MOST_WORKERS, cores.usable())
Workers = Annotated[
    int,
    typer.Option(
        "--workers", min=1, max=_MOST_WORKERS, help="Processes; one for each core is usual."
    ),
]
Metrics = Annotated[
    bool, typer.Option("--metrics/--no-metrics", help="Serve /metrics, without a signature.")
]

OidcKeys = Annotated[
    list[str] | None,
    typer.Option(
        "--oidc-keys",
        metavar="ISSUER=FILE_OR_URL",
        help="Where an OpenID Connect issuer's keys are, if not where it says itself. Repeatable.",
    ),
]
AttestationRoots = Annotated[
    Path | None,
    typer.Option(
        "--attestation-roots",
        metavar="FILE",
        help="Certificates that attestation documents must lead to, PEM; else AWS's own.",
    ),
]
KeyQuota = Annotated[
    int,
    typer.Option("--key-quota", min=1, help="Customer managed keys of an account in a Region."),
]


@app.callback()
def settings(
    context: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option("--config", metavar="FILE", envvar="STRONGROOM_CONFIG", help="A TOML file."),
    ] = None,
) -> None:
    """Read the settings file, if there is one."""
    if config is not None:
        with one_sentence():
            context.default_map = read_settings(config)


def read_settings(file: Path) -> dict[str, object]:
    """A settings file's tables; SystemExit with what is wrong in it."""
    try:
        with file.open("rb") as opened:
            tables = tomllib.load(opened)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as failure:
        fail(f"the settings file `{file}` cannot be read: {reason(failure)}")
    group = typer.main.get_group(app)
    whole = typer.Context(group)
    for name, table in tables.items():
        command = group.commands.get(name)
        if command is None or not isinstance(table, dict):
            fail(f"`{file}` has `{name}`, which is no command; the tables are named after commands")
        settings_of = {parameter.name: parameter for parameter in command.params}
        for setting, value in table.items():
            parameter = settings_of.get(setting)
            if parameter is None:
                fail(f"`{file}` sets `{setting}` of [{name}], which has no such setting")
            _require_value(whole, file, name, parameter, value)
    return tables


def _require_value(
    context: typer.Context, file: Path, command: str, parameter: Any, value: object
) -> None:
    """Refuse a value that the command line would refuse."""
    if parameter.multiple:
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            fail(f"`{file}` sets `{parameter.name}` of [{command}] to what is not a list of texts")
        return
    is_flag = getattr(parameter, "is_flag", False)
    if isinstance(value, bool) != is_flag or not isinstance(value, str | int | bool):
        wanted = "true or false" if is_flag else "a text or a number"
        fail(f"`{file}` sets `{parameter.name}` of [{command}] to what is not {wanted}")
    if isinstance(value, int) and not is_flag and parameter.type.name.startswith(("text", "path")):
        fail(f"`{file}` sets `{parameter.name}` of [{command}] to a number; write a text")
    try:
        parameter.type_cast_value(context, value)
    except typer.BadParameter as refused:
        fail(f"`{file}` sets `{parameter.name}` of [{command}]: {refused.message.rstrip('.')}")


@app.command()
def dev(
    port: Annotated[int, typer.Option("--port", min=0, max=65535)] = 4599,
    workers: Workers = 1,
    metrics: Metrics = True,
    oidc_keys: OidcKeys = None,
    attestation_roots: AttestationRoots = None,
    key_quota: KeyQuota = KEY_QUOTA,
    seed: Annotated[
        Path | None,
        typer.Option("--seed", metavar="FILE", help="Keys and users to begin with, YAML or JSON."),
    ] = None,
) -> None:
    """Run a throw-away server on this machine, for trying things out and for tests.

    Access key `test` with secret `test` is the root user of account 000000000000; any account's
    twelve digits with secret `test`, that account's. Nothing is left when it ends.
    """
    with one_sentence():
        with _imports():
            from strongroom.main.serving import serve_throw_away

        serve_throw_away(
            port,
            workers,
            metrics=metrics,
            oidc_keys=oidc_keys or (),
            attestation_roots=attestation_roots,
            key_quota=key_quota,
            seed=seed,
        )


@app.command()
def init(
    data: Data,
    root_key: RootKeyFile = None,
    passphrase: Annotated[
        bool, typer.Option("--passphrase", help="Seal the root key by a passphrase instead.")
    ] = False,
    passphrase_file: PassphraseFile = None,
    account: Annotated[
        str | None, typer.Option("--account", metavar="DIGITS", help="Else drawn at random.")
    ] = None,
    database: Annotated[
        str | None,
        typer.Option(
            "--database",
            metavar="postgresql://...",
            help="An empty database of PostgreSQL, as libpq writes it; else a file in the folder.",
        ),
    ] = None,
    anchor: AnchorFile = None,
) -> None:
    """Make a data folder, and print its first access key, once."""
    with one_sentence():
        from strongroom.main.foundation import default_root_key, lay

        account = _account(account)
        ask = None
        if root_key is not None and (passphrase or passphrase_file is not None):
            fail("the root key is kept in a file or sealed by a passphrase; give one of the two")
        if passphrase or passphrase_file is not None:
            ask = lambda: read_passphrase(passphrase_file, new=True)  # noqa: E731
        where = root_key or default_root_key(data)
        credential = lay(data, account, where, ask, database, anchor)
    say(f"made {data} for account {account}")
    if ask is None:
        say(
            f"its root key is in {where}: back it up apart from the folder; without it, all is lost"
        )
    else:
        say("its root key opens with the passphrase: without it, all is lost")
    _show_once(credential.key_id, credential.secret)
    say(f"serve it with: strongroom serve --data {data}")


@app.command()
def join(
    data: Data,
    like: Annotated[
        Path,
        typer.Option(
            "--like",
            metavar="FILE",
            help="The `strongroom.json` of a node that there is, or a copy.",
        ),
    ],
    root_key: RootKeyFile = None,
    passphrase_file: PassphraseFile = None,
    share: ShareFiles = None,
    anchor: AnchorFile = None,
) -> None:
    """Make the data folder of a further node, on the database of one that there is."""
    with one_sentence():
        from strongroom.main import foundation

        foundation.join(data, like, opener(root_key, passphrase_file, share), anchor)
    say(f"made {data}, a node of the same keys; serve it with: strongroom serve --data {data}")


@app.command()
def serve(
    data: Data,
    listen: Annotated[
        str, typer.Option("--listen", metavar="HOST:PORT", help="Beyond this machine: needs TLS.")
    ] = "127.0.0.1:4599",
    workers: Workers = _CORES,
    tls_cert: Annotated[
        Path | None, typer.Option("--tls-cert", metavar="FILE", help="PEM; read again on SIGHUP.")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option("--tls-key", metavar="FILE")] = None,
    root_key: RootKeyFile = None,
    passphrase_file: PassphraseFile = None,
    share: ShareFiles = None,
    anchor: AnchorFile = None,
    accept_rollback: Annotated[
        bool,
        typer.Option(
            "--accept-rollback", help="Serve an older copy that was put back on purpose, once."
        ),
    ] = False,
    cache_keys: Annotated[
        int, typer.Option("--cache-keys", min=100, help="Keys each worker holds in memory.")
    ] = bounds.KEYS,
    staleness: Annotated[
        float,
        typer.Option(
            "--staleness",
            metavar="SECONDS",
            min=0.5,
            help="How long keys, policies and grants are believed without hearing from the database.",
        ),
    ] = bounds.STALENESS,
    audit_durable: Annotated[
        bool, typer.Option("--audit-durable", help="Answer only when the record is on the disk.")
    ] = False,
    connections: Annotated[
        int, typer.Option("--connections", min=1, help="The most that a worker holds open.")
    ] = 1_000,
    metrics: Metrics = False,
    oidc_keys: OidcKeys = None,
    attestation_roots: AttestationRoots = None,
    key_quota: KeyQuota = KEY_QUOTA,
) -> None:
    """Serve a data folder."""
    with one_sentence():
        with _imports():
            from strongroom.main.serving import Place, serve_folder

        place = Place.parse(listen)
        if not place.is_loopback and tls_cert is None:
            fail(
                f"`{listen}` can be reached from other machines, and signatures do not hide what "
                "is sent; give --tls-cert and --tls-key, or listen on 127.0.0.1"
            )
        if (tls_cert is None) != (tls_key is None):
            fail("--tls-cert and --tls-key go together; give both")
        serve_folder(
            data,
            place,
            workers=workers,
            certificate=None if tls_cert is None or tls_key is None else (tls_cert, tls_key),
            opener=opener(root_key, passphrase_file, share),
            anchor=anchor,
            accept_rollback=accept_rollback,
            cache_keys=cache_keys,
            staleness=staleness,
            audit_durable=audit_durable,
            connections=connections,
            metrics=metrics,
            oidc_keys=oidc_keys or (),
            attestation_roots=attestation_roots,
            key_quota=key_quota,
        )


@app.command()
def doctor(
    data: Data,
    root_key: RootKeyFile = None,
    passphrase_file: PassphraseFile = None,
    share: ShareFiles = None,
) -> None:
    """Say what is wrong with an installation, and what to do.  Changes nothing."""
    with one_sentence():
        from strongroom.main.examination import examine

        _show(examine(data, opener(root_key, passphrase_file, share)))


@app.command()
def verify(
    data: Data,
    root_key: RootKeyFile = None,
    passphrase_file: PassphraseFile = None,
    share: ShareFiles = None,
) -> None:
    """Check every row of the database and every record of the audit log, and say which are not as
    they were written, are gone, or are as they once were.  Changes nothing; a server may be running.
    """
    with one_sentence():
        from strongroom.main.examination import verify_everything

        _show(verify_everything(data, opener(root_key, passphrase_file, share)))


def _show(findings: Iterable[Any]) -> None:
    """Print each finding; exit code 1 if one is ill."""
    ill = False
    for finding in findings:
        mark = {"well": "ok", "watch": "watch", "ill": "ILL"}[finding.verdict]
        advice = f": {finding.advice}" if finding.advice else ""
        print(clean(f"{mark:5}  {finding.what}{advice}"))  # noqa: T201
        ill = ill or finding.verdict == "ill"
    if ill:
        raise typer.Exit(1)


for keep in (
    keeping.seal,
    keeping.backup,
    keeping.restore,
    keeping.move,
    keeping.rotate,
    keeping.migrate,
):
    app.command()(keep)
app.command(name="env")(environment.env)
app.command(name="clock", context_settings={"ignore_unknown_options": True})(clock.clock)
app.command(name="encrypt")(files.encrypt)
app.command(name="decrypt")(files.decrypt)
app.command(name="import")(imports.import_)

app.add_typer(policies.policy, name="policy")

Conditions = Annotated[
    list[str] | None,
    typer.Option(
        "--context", metavar="NAME=VALUE", help="A condition key of the request; may be repeated."
    ),
]
EncryptionContext = Annotated[
    list[str] | None,
    typer.Option(
        "--encryption-context", metavar="NAME=VALUE", help="A pair of it; may be repeated."
    ),
]
Region = Annotated[
    str, typer.Option("--region", help="Of a key that is not named by its ARN; else any.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.command()
def explain(
    data: Kept,
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="REQUEST-ID | PRINCIPAL ACTION [RESOURCE]",
            help="An id of the audit log; or an ARN, an action, and a key or a role.",
        ),
    ],
    context: Conditions = None,
    encryption_context: EncryptionContext = None,
    region: Region = "",
    root_key: RootKeyFile = None,
    passphrase_file: PassphraseFile = None,
    share: ShareFiles = None,
    as_json: AsJson = False,
) -> None:
    """Say why a request was denied or allowed, or would be.

    Every layer that has a say, the statement that decided, the conditions that failed with what
    they wanted and what they saw, and what would have to change. The exit code is 0 whatever was
    decided.
    """
    with one_sentence():
        from strongroom.main import questions

        at_hand = opener(root_key, passphrase_file, share)
        given = questions.context_of(context or (), encryption_context or ())
        match words:
            case [request_id]:
                if given or region:
                    fail("a past request has its circumstances in the audit log; give none")
                told = questions.request(data, at_hand, request_id)
                show = explanations.show_request
            case [_, _] | [_, _, _]:
                told = questions.hypothetical(data, at_hand, words, region, given)
                show = explanations.show
            case _:
                fail("give a request id; or a principal, an action, and perhaps a key or a role")
        print_json(told) if as_json else show(told)


@app.command(name="who-can")
def who_can(
    data: Kept,
    action: Annotated[str, typer.Argument(metavar="ACTION", help="As kms:Decrypt.")],
    key: Annotated[str, typer.Argument(metavar="KEY", help="An ARN, an id or an alias.")],
    context: Conditions = None,
    encryption_context: EncryptionContext = None,
    region: Region = "",
    root_key: RootKeyFile = None,
    passphrase_file: PassphraseFile = None,
    share: ShareFiles = None,
    as_json: AsJson = False,
) -> None:
    """List every principal, in any account, that may do something with a key, and by which ways.

    By the key policy, by what it leaves to an account and that account's policies, by a grant, by
    a role and those who may assume it; with the conditions that hold for some requests only.
    """
    with one_sentence():
        from strongroom.main import questions

        given = questions.context_of(context or (), encryption_context or ())
        at_hand = opener(root_key, passphrase_file, share)
        told = questions.who_can(data, at_hand, action, key, region, given)
        print_json(told) if as_json else explanations.show_reach(told)


def print_json(told: dict[str, object]) -> None:
    print(json.dumps(told, indent=2))  # noqa: T201


accounts = typer.Typer(help="The accounts of a data folder.", no_args_is_help=True)
app.add_typer(accounts, name="account")


@accounts.command(name="create")
def create_account(
    data: Data,
    account: Annotated[
        str | None, typer.Option("--account", metavar="DIGITS", help="Else drawn at random.")
    ] = None,
    name: Annotated[str, typer.Option("--name", help="For people.")] = "",
    root_key: RootKeyFile = None,
    passphrase_file: PassphraseFile = None,
    share: ShareFiles = None,
) -> None:
    """Make a further account, and print its root user's first access key, once.

    A server may be running on the folder; it knows the account at once.
    """
    with one_sentence():
        from strongroom.main.foundation import add_account, changed

        account = _account(account)
        with changed(data, opener(root_key, passphrase_file, share)) as store:
            credential = add_account(store, account, name)
    say(f"made account {account}")
    _show_once(credential.key_id, credential.secret)


@accounts.command(name="list")
def list_accounts(
    data: Data,
    root_key: RootKeyFile = None,
    passphrase_file: PassphraseFile = None,
    share: ShareFiles = None,
) -> None:
    """Print every account: its number, when it was made, its name."""
    with one_sentence():
        from strongroom.clock import iso8601
        from strongroom.main.foundation import administered

        with (
            administered(data, opener(root_key, passphrase_file, share)) as store,
            store.reading() as books,
        ):
            for account, name, created in books.accounts():
                print(f"{account}  {iso8601(created)}  {name}".rstrip())  # noqa: T201


def _account(given: str | None) -> str:
    """Twelve digits, drawn at random unless they are given."""
    from strongroom.services.organizations import ids

    account = ids.account() if given is None else given
    if not (account.isascii() and account.isdigit() and len(account) == 12):
        fail(f"`{account}` is not an account; give twelve digits")
    return account


def _show_once(key_id: str, secret: str) -> None:
    say("the root user's access key, shown this once:")
    print(f"export AWS_ACCESS_KEY_ID={key_id}")  # noqa: T201
    print(f"export AWS_SECRET_ACCESS_KEY={secret}")  # noqa: T201


config = typer.Typer(help="The settings file.", no_args_is_help=True)
app.add_typer(config, name="config")


@config.command(name="check")
def check(file: Annotated[Path, typer.Argument(metavar="FILE")]) -> None:
    """Say whether a settings file has only settings that there are."""
    with one_sentence():
        read_settings(file)
    say(f"{file} is well formed")


@app.command()
def version() -> None:
    """Print the version."""
    print(__version__)  # noqa: T201


@contextmanager
def _imports() -> Iterator[None]:
    """A server imports some 400 modules, whose objects all stay; looking for garbage among them
    is a fifth of the time that takes.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
