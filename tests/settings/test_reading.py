"""A file with errors opens with those settings' defaults, and says where and why."""

from __future__ import annotations

from pathlib import Path

import pytest

from aiconsole.home import find_home
from aiconsole.secrets import Redactor
from aiconsole.settings import ProviderSettings, Settings, SettingsFile
from aiconsole.settings.lines import outline
from tests.canaries import make_canary


def load(tmp_path: Path, text: str | bytes, redactor: Redactor | None = None) -> SettingsFile:
    path = tmp_path / "settings.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return SettingsFile.load(path, redactor=redactor or Redactor())


def told(file: SettingsFile) -> list[tuple[int | None, str, str]]:
    return [(problem.line, problem.key, problem.reason) for problem in file.problems]


def test_without_a_file_all_is_default(tmp_path: Path) -> None:
    file = SettingsFile.load(find_home(tmp_path / "new", {}))
    assert file.values == Settings()
    assert file.problems == ()
    assert not (tmp_path / "new").exists()


def test_what_the_file_says_holds(tmp_path: Path) -> None:
    file = load(
        tmp_path,
        """
        demo = true
        appearance.theme = "dark"

        [providers.groq]
        enabled = false
        base_url = "http://127.0.0.1:8000/groq/openai/v1"
        total_timeout_s = 0
        models = ["a", "b/c"]
        headers = { X-Team = "blue" }

        [custom.local]
        base_url = "http://localhost:11434/v1"
        label = "Ollama"

        [routes]
        "llama-3.3" = ["groq/x", "local/y"]
        gpt-oss-20b = []
        """,
    )
    assert file.problems == ()
    assert file.values.demo
    assert file.values.appearance.theme == "dark"
    groq = file.values.providers["groq"]
    assert not groq.enabled
    assert groq.models == ("a", "b/c")
    assert groq.headers == {"X-Team": "blue"}
    assert groq.timeouts.total is None
    assert file.values.providers["cohere"] == ProviderSettings()
    assert file.values.custom["local"].label == "Ollama"
    assert file.values.routes["llama-3.3"] == ("groq/x", "local/y")
    assert "gpt-oss-20b" not in file.values.routes
    assert "gpt-oss-120b" in file.values.routes


BROKEN = '''# mine
demo = "yes"

[appearance]
theme = "pink"   # really
thme = "dark"

[chat]
system = """
[log]
level = 3
"""
model = "groq/x"

[providers.groq]
first_token_timeout_s = -1
connect_timeout_s = nan
total_timeout_s = true
between_timeout_s = 7
models = [
    "fine",
    4,
]
base_url = "ftp://x"
headers = { "X-Good" = "kept", "Authorization" = "Bearer x", "Host" = "x" }

[providers.mine]
enabled = true

[custom.UPPER]
base_url = "http://x/v1"

[custom.groq]
base_url = "http://x/v1"

[custom.incomplete]
label = "x"

[custom.fine]
base_url = "http://x/v1"

[routes]
Bad_Name = ["groq/x"]
bad = ["no-slash"]
good = ["groq/x"]

[network]
proxy = "http://me:SECRET-password@proxy:3128"
'''


def test_each_error_costs_its_own_default_and_no_more(tmp_path: Path) -> None:
    file = load(tmp_path, BROKEN)
    problems = {key: (line, reason) for line, key, reason in told(file)}
    expected = {
        "demo": (2, "true or false"),
        "appearance.theme": (5, "one of “system”, “dark”, “light”"),
        "appearance.thme": (6, "did you mean theme?"),
        "providers.groq.first_token_timeout_s": (16, "a number from 0 to 3600 (s)"),
        "providers.groq.connect_timeout_s": (17, "a number from 0 to 3600 (s)"),
        "providers.groq.total_timeout_s": (18, "a number from 0 to 86400 (s)"),
        "providers.groq.models": (20, "a list of texts"),
        "providers.groq.base_url": (24, "https://host:port/path"),
        "providers.groq.headers.Authorization": (25, "keys belong in the key store"),
        "providers.groq.headers.Host": (25, "by the connection itself"),
        "providers.mine": (27, "goes under [custom.mine]"),
        "custom.UPPER": (30, "lower-case"),
        "custom.groq": (33, "taken"),
        "custom.incomplete.base_url": (36, "missing"),
        "routes.Bad_Name": (43, "lower-case"),
        "routes.bad": (44, "provider/model"),
        "network.proxy": (48, "aiconsole keys set proxy"),
    }
    assert problems.keys() == expected.keys()
    for key, (line, words) in expected.items():
        assert problems[key][0] == line, key
        assert words in problems[key][1], key
    assert [problem.line for problem in file.problems] == sorted(line for line, _ in expected.values())

    assert file.values.chat.model == "groq/x"
    assert file.values.chat.system == "[log]\nlevel = 3\n"
    groq = file.values.providers["groq"]
    assert groq == ProviderSettings(between_timeout_s=7, headers={"X-Good": "kept"})
    assert list(file.values.custom) == ["fine"]
    assert file.values.routes["good"] == ("groq/x",)
    assert file.values.network.proxy is None
    assert (tmp_path / "settings.toml").read_text(encoding="utf-8") == BROKEN


def test_a_problem_reads_as_a_sentence(tmp_path: Path) -> None:
    file = load(tmp_path, '[log]\nlevel = "loud"\n')
    assert str(file.problems[0]) == (
        'Line 2, log.level: must be one of “debug”, “info”, “warning”, “error”; "info" is used instead.'
    )


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (b"demo = true\nchat.model = \n", 2, "not valid TOML"),
        (b"demo = true\n[chat\n", 2, "not valid TOML"),
        (b'demo = true\nx = """\nno end', 3, "not valid TOML"),
        (b"demo = true\ndemo = false\n", 2, "not valid TOML"),
        (b'demo = true\n\nx = "\xff"\n', 3, "not UTF-8"),
        (b"x = " + b"[" * 100_000, None, "nested too deeply"),
    ],
)
def test_a_file_that_is_not_toml_is_all_default_with_one_problem(
    tmp_path: Path, text: bytes, line: int | None, words: str
) -> None:
    file = load(tmp_path, text)
    assert file.values == Settings()
    assert len(file.problems) == 1
    assert file.problems[0].line == line
    assert words in file.problems[0].reason


def test_a_folder_in_its_place_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").mkdir()
    file = SettingsFile.load(tmp_path / "settings.toml")
    assert file.values == Settings()
    assert "cannot be read" in file.problems[0].reason


@pytest.mark.parametrize("text", [b"\xef\xbb\xbfdemo = true\n", b"demo = true\r\n[chat]\r\nmodel = 'x'\r\n"])
def test_files_of_windows_editors_are_read(tmp_path: Path, text: bytes) -> None:
    file = load(tmp_path, text)
    assert file.problems == ()
    assert file.values.demo


@pytest.mark.parametrize(
    "text", ["chat = 3\n", "[[chat]]\n", "providers = 1\n", "providers.groq = 1\n", "routes = []\n"]
)
def test_a_value_where_a_table_belongs_is_a_problem(tmp_path: Path, text: str) -> None:
    file = load(tmp_path, text)
    assert file.values == Settings()
    assert [problem.line for problem in file.problems] == [1]
    assert "must be a table" in file.problems[0].reason


@pytest.mark.parametrize(
    ("text", "kept_out"),
    [
        ('providers.groq.api_key = "{}"', True),
        ('token = "{}"', True),
        ('providers.groq.headers.X-Auth-Token = "{}"', True),
        ('providers.groq.headers.cf-aig-authorization = "Bearer {}"', True),
        ('providers.groq.headers.Authorization = "Bearer {}"', True),
        ('providers.groq.base_url = "https://me:{}@host/v1"', True),
        ('providers.groq.base_url = "https://host/v1?key={}"', True),
        ('network.proxy = "http://me:{}@host:1"', True),
        ('providers.openrouter.headers.X-Title = "{}"', False),
        ('providers.openrouter.models = ["{}"]', False),
    ],
)
def test_secrets_in_the_file_are_kept_out_of_text(tmp_path: Path, text: str, kept_out: bool) -> None:
    canary, redactor = make_canary(), Redactor()
    file = load(tmp_path, text.format(canary), redactor)
    assert redactor.redact(f"<{canary}>") == ("<[redacted]>" if kept_out else f"<{canary}>")
    assert canary not in str(file.problems)


def test_lines_are_found_in_every_way_of_writing() -> None:
    text = (
        "a.b = 1 # [x]\n"
        '"quoted.key" = 2\n'
        "list = [\n"
        "  1, # ]\n"
        '  "]",\n'
        "]\n"
        "[ table . 'sub' ] # c\n"
        'text = """\n'
        'x = 1 \\"""\n'
        '"""\n'
        "inline = { z = 1 }\n"
        "[[array]]\n"
        "after = '''\n"
        "[no]'''\n"
        "last = 1\n"
    )
    known = outline(text)
    assert known.find(("a", "b")) == 1
    assert known.find(("quoted.key",)) == 2
    assert known.find(("list",)) == 3
    assert known.find(("table", "sub", "text")) == 8
    assert known.find(("table", "sub", "inline", "z")) == 11
    assert known.find(("array", "last")) == 15
    assert known.find(("x",)) is None
    assert [tuple(section) for section in known.sections] == [
        ((), 1, 6),
        (("table", "sub"), 7, 11),
        (("array",), 12, 15),
    ]
