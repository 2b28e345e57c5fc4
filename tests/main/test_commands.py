"""The command line as a stranger meets it: results on stdout, mistakes as one sentence."""

import re

import pytest
from tests.conftest import free_port, start_dev

import strongroom as package
from strongroom.attestation.roots import AWS_NITRO_ENCLAVES_G1

COMMANDS = [
    "dev",
    "init",
    "serve",
    "doctor",
    "account",
    "policy",
    "explain",
    "who-can",
    "env",
    "clock",
    "encrypt",
    "decrypt",
    "import",
    "config",
    "version",
]


def test_without_a_command_it_says_which_there_are(strongroom):
    said = strongroom()
    help_ = strongroom("--help")
    assert help_.code == 0
    for command in COMMANDS:
        assert re.search(rf"\b{command}\b", help_.out)
        assert re.search(rf"\b{command}\b", said.out + said.err)


@pytest.mark.parametrize(
    "command",
    [*COMMANDS, "config check", "account create", "account list", "policy check", "policy test"],
)
def test_every_command_has_help(strongroom, command):
    said = strongroom(*command.split(), "--help")
    assert (said.code, said.err) == (0, "")
    assert "Usage: strongroom" in said.out.replace("python -m ", "")
    # A sentence of what it does, beside its options.
    assert re.search(r"^ +[A-Z][a-z].*[.:]", said.out, re.MULTILINE)


def test_version(strongroom):
    assert strongroom("version") == (0, package.__version__ + "\n", "")


@pytest.mark.parametrize(
    "arguments",
    [
        ["brew"],
        ["dev", "--porto", "1"],
        ["dev", "--port", "x"],
        ["dev", "--port", "70000"],
        ["dev", "--workers", "0"],
        ["serve"],
        ["init"],
        ["doctor"],
        ["clock"],
        ["config"],
    ],
)
def test_a_command_line_that_is_none(strongroom, arguments):
    said = strongroom(*arguments)
    assert said.code == 2
    assert "Usage: " in said.err + said.out


# env


def test_env_prints_what_a_shell_takes(strongroom):
    said = strongroom("env")
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines() == [
        "export AWS_ENDPOINT_URL=http://127.0.0.1:4599",
        "export AWS_ACCESS_KEY_ID=test",
        "export AWS_SECRET_ACCESS_KEY=test",
        "export AWS_REGION=us-east-1",
        "export AWS_DEFAULT_REGION=us-east-1",
        "unset AWS_SESSION_TOKEN AWS_PROFILE AWS_ENDPOINT_URL_KMS AWS_ENDPOINT_URL_STS "
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    ]


def test_env_quotes_for_the_shell(strongroom):
    import subprocess

    said = strongroom(
        "env",
        *("--url", "https://kms.example.com"),
        *("--region", "eu-central-1"),
        *("--access-key-id", "AKIA'; touch x; '"),
        *("--secret-access-key", "a b$HOME`id`"),
    )
    script = (
        said.out + 'printf "%s|%s|%s" "$AWS_ACCESS_KEY_ID" "$AWS_SECRET_ACCESS_KEY" "$AWS_REGION"'
    )
    printed = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert printed.stdout == "AKIA'; touch x; '|a b$HOME`id`|eu-central-1"


# clock


@pytest.mark.parametrize("by", ["400", "d", "+d", "1y", "+1.5d", "1 d", "++1d", "+1d1h", "", "now"])
def test_a_time_that_is_none(strongroom, by):
    said = strongroom("clock", by).sentence
    assert said == f"`{by}` is not a time to move by; say `+400d`, `+12h`, `+30m` or `+5s`"


def test_a_clock_of_nobody(strongroom):
    url = f"http://127.0.0.1:{free_port()}"
    said = strongroom("clock", "+1d", AWS_ENDPOINT_URL=url).sentence
    assert said.startswith(f"`{url}` does not answer")
    assert said.endswith("is `strongroom dev` running?")
    assert "does not answer" in strongroom("clock", "+1d", "--endpoint-url", url).sentence


@pytest.mark.parametrize("url", ["never a url", "http://", "127.0.0.1:4599", "http://a b/"])
def test_an_endpoint_that_is_none(strongroom, url):
    said = strongroom("clock", "+1d", "--endpoint-url", url).sentence
    assert said == f"`{url}` is not an endpoint; give a URL such as `http://127.0.0.1:4599`"


def test_the_clock_of_a_throw_away_server(strongroom, endpoint):
    said = strongroom("clock", "+0s", AWS_ENDPOINT_URL=endpoint.url)
    assert (said.code, said.err) == (0, "")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\n", said.out)


def test_the_clock_goes_back_too(strongroom):
    server = start_dev()

    def moved(by):
        said = strongroom("clock", by, AWS_ENDPOINT_URL=server.url)
        assert said.code == 0, said
        return said.out[:10]

    try:
        today = moved("+0s")
        assert moved("+2d") > today
        assert moved("-2d") == today
    finally:
        server.stop()


def test_the_clock_of_one_who_is_not_let_in(strongroom, endpoint):
    said = strongroom(
        "clock", "+0s", AWS_ENDPOINT_URL=endpoint.url, AWS_SECRET_ACCESS_KEY="wrong"
    ).sentence
    assert said.startswith("the clock was not moved: The request signature we calculated")


# config


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[serve", "cannot be read"),
        ("x = 1", "has `x`, which is no command"),
        ("[brew]", "has `brew`, which is no command"),
        ("[serve]\ncoffee = 1", "sets `coffee` of [serve], which has no such setting"),
        ("serve = 1", "has `serve`, which is no command"),
        ('[serve]\nworkers = "abc"', "sets `workers` of [serve]: 'abc' is not a valid integer"),
        ("[serve]\nworkers = 0", "sets `workers` of [serve]: 0 is not in the range"),
        ("[serve]\nlisten = 5", "sets `listen` of [serve] to a number"),
        ("[serve]\ndata = 7", "sets `data` of [serve] to a number"),
        ("[serve]\nmetrics = 1", "sets `metrics` of [serve] to what is not true or false"),
        ("[serve]\nlisten = [1]", "sets `listen` of [serve] to what is not a text or a number"),
    ],
)
def test_settings_that_are_none(strongroom, tmp_path, text, said):
    file = tmp_path / "settings.toml"
    file.write_text(text)
    assert said in strongroom("config", "check", file).sentence
    assert said in strongroom("--config", file, "version").sentence
    assert said in strongroom("version", STRONGROOM_CONFIG=str(file)).sentence


def test_settings_that_are_missing(strongroom, tmp_path):
    assert "cannot be read" in strongroom("config", "check", tmp_path / "nothing").sentence


def test_settings_from_a_file_the_environment_and_the_command_line(strongroom, tmp_path):
    """The nearest wins."""
    file = tmp_path / "settings.toml"
    file.write_text('[env]\nurl = "http://file:1"\nregion = "file-1"\naccess_key_id = "file"\n')
    said = strongroom("config", "check", file)
    assert (said.code, said.out, said.err) == (0, "", f"{file} is well formed\n")
    printed = strongroom(
        *("--config", file, "env", "--access-key-id", "typed"),
        STRONGROOM_ENV_REGION="environment-1",
        STRONGROOM_ENV_ACCESS_KEY_ID="environment",
    ).out
    assert "AWS_ENDPOINT_URL=http://file:1\n" in printed
    assert "AWS_REGION=environment-1\n" in printed
    assert "AWS_ACCESS_KEY_ID=typed\n" in printed


def test_a_setting_that_may_be_repeated(strongroom, tmp_path):
    keys = "https://issuer.example=no-such-file.json"
    said = strongroom("dev", "--port", "0", "--oidc-keys", keys).sentence
    assert said == "`no-such-file.json` cannot be read: No such file or directory"
    assert strongroom("dev", STRONGROOM_DEV_OIDC_KEYS=f"{keys} https://b=c").sentence == said
    file = tmp_path / "settings.toml"
    file.write_text(f'[dev]\noidc_keys = ["{keys}", "https://b=c"]\n')
    assert strongroom("config", "check", file).code == 0
    assert strongroom("--config", file, "dev").sentence == said
    for wrong in ('"a"', "1", '["a", 1]', "true"):
        file.write_text(f"[dev]\noidc_keys = {wrong}\n")
        assert strongroom("config", "check", file).sentence == (
            f"`{file}` sets `oidc_keys` of [dev] to what is not a list of texts"
        )


def test_roots_of_attestation_documents_that_are_none_or_too_many(strongroom, tmp_path):
    (tmp_path / "none").write_text("x")
    (tmp_path / "many").write_bytes(AWS_NITRO_ENCLAVES_G1 * 5)
    for name, said in (
        ("none", "`none` is not certificates in PEM"),
        ("many", "`many` has more certificates than fit into 3800 bytes"),
        ("absent", "`absent` cannot be read: No such file or directory"),
    ):
        assert strongroom("dev", "--port", "0", "--attestation-roots", name).sentence == said


# init


def test_a_folder_is_made_and_its_access_key_shown_once(strongroom, tmp_path):
    said = strongroom("init", "--data", tmp_path / "data", "--account", "111122223333")
    assert said.code == 0
    key_id, secret = said.out.splitlines()
    assert re.fullmatch(r"export AWS_ACCESS_KEY_ID=AKIA[A-Z2-7]{16}", key_id)
    assert re.fullmatch(r"export AWS_SECRET_ACCESS_KEY=[A-Za-z0-9+/]{40}", secret)
    assert "for account 111122223333" in said.err
    assert f"its root key is in {tmp_path / 'data.root-key'}" in said.err
    assert secret.partition("=")[2] not in said.err
    assert (tmp_path / "data.root-key").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700


def test_an_account_is_drawn_where_none_is_given(strongroom, tmp_path):
    accounts = set()
    for name in ("a", "b"):
        said = strongroom("init", "--data", tmp_path / name)
        accounts.add(re.search(r"for account (\d{12})\n", said.err)[1])
    assert len(accounts) == 2


@pytest.mark.parametrize("account", ["1", "1234567890123", "12345678901a", "١٢٣٤٥٦٧٨٩٠١٢", ""])
def test_an_account_that_is_none(strongroom, tmp_path, account):
    said = strongroom("init", "--data", tmp_path / "data", "--account", account).sentence
    assert said == f"`{account}` is not an account; give twelve digits"
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_in_use(strongroom, tmp_path):
    strongroom("init", "--data", tmp_path / "data")
    before = (tmp_path / "data.root-key").read_bytes()
    assert "is a data folder already" in strongroom("init", "--data", tmp_path / "data").sentence
    assert before == (tmp_path / "data.root-key").read_bytes()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    assert "is not empty" in strongroom("init", "--data", tmp_path / "full").sentence


def test_a_root_key_is_never_overwritten(strongroom, tmp_path):
    (tmp_path / "data.root-key").write_text("another's")
    said = strongroom("init", "--data", tmp_path / "data").sentence
    assert "a root key is never written over another" in said
    assert (tmp_path / "data.root-key").read_text() == "another's"


def test_a_root_key_within_the_folder_it_seals(strongroom, tmp_path):
    said = strongroom("init", "--data", "data", "--root-key", "data/root-key").sentence
    assert "would lie in the data folder that it seals" in said
    assert not (tmp_path / "data").exists()


def test_a_place_that_cannot_be_made(strongroom, tmp_path):
    (tmp_path / "file").touch()
    assert strongroom("init", "--data", tmp_path / "file").sentence
    assert strongroom("init", "--data", tmp_path / "file" / "data").sentence
    assert strongroom(
        "init", "--data", tmp_path / "data", "--root-key", tmp_path / "file" / "key"
    ).sentence


def test_a_passphrase_instead_of_a_file(strongroom, tmp_path):
    said = strongroom(
        *("init", "--data", tmp_path / "data", "--passphrase"),
        STRONGROOM_PASSPHRASE="correct horse battery",
    )
    assert said.code == 0
    assert "its root key opens with the passphrase: without it, all is lost" in said.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "data.anchor"]
    ask = "doctor", "--data", tmp_path / "data"
    assert strongroom(*ask, STRONGROOM_PASSPHRASE="correct horse battery").code == 0
    (tmp_path / "passphrase").write_text("correct horse battery\n")
    assert strongroom(*ask, "--passphrase-file", tmp_path / "passphrase").code == 0
    wrong = strongroom(*ask, STRONGROOM_PASSPHRASE="incorrect horse")
    assert wrong.code == 1
    assert "the passphrase is wrong" in wrong.out


def test_a_passphrase_that_is_too_short_or_that_nobody_gives(strongroom, tmp_path):
    ask = "init", "--data", tmp_path / "data", "--passphrase"
    assert "at least 12 characters" in strongroom(*ask, STRONGROOM_PASSPHRASE="short").sentence
    assert strongroom(*ask).sentence == (
        "a passphrase is wanted; give --passphrase-file or STRONGROOM_PASSPHRASE"
    )
    assert "cannot be read" in strongroom(*ask, "--passphrase-file", "nothing").sentence
    assert list(tmp_path.iterdir()) == []
