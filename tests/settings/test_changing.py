"""A change writes at once, keeps what others wrote, and refuses rather than spoils."""

from __future__ import annotations

import os
import stat
import threading
import tomllib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aiconsole.domain.errors import ConfigError
from aiconsole.home import write_private
from aiconsole.secrets import Key, Redactor
from aiconsole.settings import CustomProvider, ProviderSettings, SettingsFile
from tests.canaries import make_canary

TEXT = """# The team's settings
demo = false # for now

# Groq is behind the gateway
[providers.groq]
base_url = "https://gateway.example/groq" # see the wiki
models = [
    "first", # the fast one
    "second",
]

[providers.groq.headers]
X-Team = "blue"

# Ours
[custom.local]
base_url = "http://localhost:11434/v1"

# How we chat
[chat]
model = "groq/first"
"""


@pytest.fixture
def file(tmp_path: Path) -> SettingsFile:
    (tmp_path / "settings.toml").write_text(TEXT, encoding="utf-8")
    return SettingsFile.load(tmp_path / "settings.toml", redactor=Redactor())


def comments(text: str) -> list[str]:
    return [line.partition("#")[2] for line in text.splitlines() if "#" in line]


def test_a_change_is_read_back_by_the_next_start(tmp_path: Path) -> None:
    path = tmp_path / "new" / "settings.toml"
    file = SettingsFile.load(path)
    assert file.set("providers.groq.total_timeout_s", 120).providers["groq"].total_timeout_s == 120
    file.set("routes.llama-3.3", ["groq/x", "cerebras/y"])
    file.set("custom.box", CustomProvider(base_url="https://box/v1", key_needed=True, headers={"X-A": "b"}))
    file.set("providers.openrouter.headers.X-Title", "Console")
    file.set("demo", True)
    again = SettingsFile.load(path)
    assert again.values == file.values
    assert again.problems == ()
    assert again.get("providers.groq.total_timeout_s") == 120
    assert again.get("routes.llama-3.3") == ("groq/x", "cerebras/y")
    assert again.get("custom.box") == CustomProvider(base_url="https://box/v1", key_needed=True, headers={"X-A": "b"})
    assert again.get("providers.openrouter.headers.X-Title") == "Console"


def test_only_the_line_in_question_changes(file: SettingsFile) -> None:
    file.set("providers.groq.base_url", "https://other.example/groq")
    assert file.path.read_text(encoding="utf-8") == TEXT.replace("gateway.example", "other.example")


@pytest.mark.parametrize(
    ("key", "value", "before", "after"),
    [
        ("providers.groq.enabled", False, '    "second",\n]\n', '    "second",\n]\nenabled = false\n'),
        ("chat.send_key", "ctrl+enter", 'model = "groq/first"\n', 'model = "groq/first"\nsend_key = "ctrl+enter"\n'),
        (
            "appearance.theme",
            "dark",
            'model = "groq/first"\n',
            'model = "groq/first"\n\n[appearance]\ntheme = "dark"\n',
        ),
        ("custom.local", None, '# Ours\n[custom.local]\nbase_url = "http://localhost:11434/v1"\n\n', "# Ours\n\n"),
        (
            "providers.groq.headers.X-Team",
            None,
            '[providers.groq.headers]\nX-Team = "blue"\n\n',
            "[providers.groq.headers]\n\n",
        ),
        ("demo", None, "demo = false # for now\n", ""),
    ],
)
def test_comments_stay_with_what_they_are_about(
    file: SettingsFile, key: str, value: object, before: str, after: str
) -> None:
    file.set(key, value)
    assert file.path.read_text(encoding="utf-8") == TEXT.replace(before, after)


def test_a_whole_group_is_replaced_key_by_key(file: SettingsFile) -> None:
    file.set("custom.local", CustomProvider(base_url="http://127.0.0.1:1234/v1", label="LM Studio"))
    text = file.path.read_text(encoding="utf-8")
    assert comments(text) == comments(TEXT)
    assert '# How we chat\n[chat]\nmodel = "groq/first"\n' in text
    assert file.values.custom["local"] == CustomProvider(base_url="http://127.0.0.1:1234/v1", label="LM Studio")


def test_the_version_before_is_kept(file: SettingsFile) -> None:
    file.set("demo", True)
    file.set("chat.model", "cohere/x")
    backup = file.path.with_name("settings.toml.bak")
    assert backup.read_text(encoding="utf-8") == TEXT.replace("demo = false", "demo = true")
    if os.name != "nt":
        assert {stat.S_IMODE(path.stat().st_mode) for path in (file.path, backup)} == {0o600}
    assert {path.name for path in file.path.parent.iterdir()} == {"settings.toml", "settings.toml.bak"}


def test_a_change_that_changes_nothing_writes_nothing(file: SettingsFile) -> None:
    file.set("chat.model", "groq/first")
    file.reset("log.level")
    assert not file.path.with_name("settings.toml.bak").exists()


def test_what_an_editor_wrote_meanwhile_is_kept(file: SettingsFile) -> None:
    file.path.write_text(
        TEXT.replace('"groq/first"', '"cohere/x"') + '\n[appearance]\ntheme = "light"\n', encoding="utf-8"
    )
    values = file.set("demo", True)
    assert (values.demo, values.chat.model, values.appearance.theme) == (True, "cohere/x", "light")
    assert file.reload() == values


def test_two_consoles_changing_at_once_lose_nothing(tmp_path: Path) -> None:
    files = [SettingsFile.load(tmp_path / "settings.toml") for _ in range(2)]

    def change(file: SettingsFile, number: int) -> None:
        for turn in range(10):
            while True:
                try:
                    file.set(f"routes.r{number}-{turn}", [f"groq/{turn}"])
                    break
                except ConfigError as error:
                    assert "keeps being changed" in str(error)

    threads = [threading.Thread(target=change, args=(files[0], number)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(files[1].reload().routes) == 30 + 2


def test_a_change_between_reading_and_writing_is_noticed(file: SettingsFile, monkeypatch: pytest.MonkeyPatch) -> None:
    from aiconsole.settings import edit

    honest = edit.edited
    others = iter(['[appearance]\ntheme = "light"\n'])

    def slow(text: str, path: tuple[str, ...], value: object) -> str:
        new = honest(text, path, value)
        if (other := next(others, None)) is not None:
            write_private(file.path, (TEXT + other).encode())
        return new

    monkeypatch.setattr(edit, "edited", slow)
    values = file.set("demo", True)
    assert (values.demo, values.appearance.theme) == (True, "light")


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("providers.groq.total_timeout_s", -1, "from 0 to 86400"),
        ("providers.groq.total_timeout_s", "60", "a number"),
        ("providers.groq.enabled", 1, "true or false"),
        ("appearance.theme", "pink", "one of"),
        ("providers.groq.headers.Authorization", "x", "key store"),
        ("providers.groq.headers", {"x-api-key": "x"}, "key store"),
        ("providers.groq.headers.X-A", "a\r\nb: c", "one line"),
        ("providers.groq.headers.X A", "b", "not a header's name"),
        ("providers.groq.models", ["a", ""], "not be empty"),
        ("providers.groq.base_url", "localhost:80", "must be a URL"),
        ("providers.groq.base_url", "https://host/v1?key=x", "key store"),
        ("network.proxy", "http://me:secret@host:1", "key store"),
        ("custom.groq", {"base_url": "https://host/v1"}, "taken"),
        ("custom.proxy", {"base_url": "https://host/v1"}, "taken"),
        ("custom.My Box", {"base_url": "https://host/v1"}, "lower-case"),
        ("custom.box", {"label": "Box"}, "missing"),
        ("custom.box.label", "Box", "missing"),
        ("custom.local.base_url", None, "missing"),
        ("custom.box", {"base_url": "https://host/v1", "colour": "red"}, "no such setting"),
        ("providers.mine.enabled", True, "built-in providers"),
        ("routes.Fast", ["groq/x"], "lower-case"),
        ("routes.fast", ["x"], "provider/model"),
        ("routes.fast", "groq/x", "a list"),
        ("chat", "x", "must be a table"),
        ("chat.colour", "red", "There is no setting"),
        ("chat.modle", "x", "did you mean model"),
        ("chat.model.name", "x", "single value"),
        ("", "x", "There is no setting"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_written(
    file: SettingsFile, key: str, value: object, words: str
) -> None:
    before = file.values
    with pytest.raises(ConfigError, match=words):
        file.set(key, value)
    assert file.path.read_text(encoding="utf-8") == TEXT
    assert file.values == before


def test_a_key_cannot_be_put_into_the_file(file: SettingsFile) -> None:
    canary = make_canary()
    with pytest.raises(ConfigError, match="Key") as caught:
        file.set("chat.model", Key(canary))
    assert canary not in str(caught.value)


def test_a_file_that_is_not_toml_is_never_written_over(file: SettingsFile) -> None:
    broken = TEXT + "oops\n"
    file.path.write_text(broken, encoding="utf-8")
    for change in (lambda: file.set("demo", True), lambda: file.reset("demo")):
        with pytest.raises(ConfigError, match=f"line {len(broken.splitlines())}") as caught:
            change()
        assert "editor" in caught.value.advice
    assert file.path.read_text(encoding="utf-8") == broken
    file.path.write_text(TEXT, encoding="utf-8")
    assert file.set("demo", True).demo


def test_another_settings_mistake_does_not_stand_in_the_way(file: SettingsFile) -> None:
    file.path.write_text(TEXT + "\n[log]\nlevel = 3 # mine\n", encoding="utf-8")
    assert file.set("demo", True).demo
    assert "level = 3 # mine" in file.path.read_text(encoding="utf-8")
    assert [problem.key for problem in file.problems] == ["log.level"]
    file.set("log.level", "debug")
    assert file.problems == ()
    assert 'level = "debug" # mine' in file.path.read_text(encoding="utf-8")


def test_a_mistake_can_be_reset(file: SettingsFile) -> None:
    file.path.write_text(
        TEXT.replace("demo = false", "demo = 3").replace("[chat]", "[chat]\nmodle = 1"), encoding="utf-8"
    )
    assert len(file.reload() and file.problems) == 2
    file.reset("demo")
    assert [problem.key for problem in file.problems] == ["chat.modle"]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="whoever runs this may write everywhere")
def test_a_folder_that_cannot_be_written_is_told(file: SettingsFile) -> None:
    file.path.parent.chmod(0o500)
    try:
        with pytest.raises(ConfigError, match="cannot be written"):
            file.set("demo", True)
    finally:
        file.path.parent.chmod(0o700)


def test_a_failed_write_is_told_and_leaves_the_file(file: SettingsFile) -> None:
    file.path.with_name("settings.toml.bak").mkdir()
    with pytest.raises(ConfigError, match="cannot be written"):
        file.set("demo", True)
    assert file.path.read_text(encoding="utf-8") == TEXT


def test_line_ends_of_windows_stay(file: SettingsFile) -> None:
    file.path.write_bytes(TEXT.replace("\n", "\r\n").encode())
    file.set("chat.system", "line one\nline two")
    file.set("appearance.theme", "dark")
    raw = file.path.read_bytes()
    assert raw.count(b"\n") == raw.count(b"\r\n")
    assert file.values.chat.system == "line one\nline two"


STYLES = [
    "",
    TEXT,
    'providers.groq.enabled = true\nproviders.groq.models = ["a"]\n\n# c\n[chat]\nmodel = "x" # d\n',
    'providers = { groq = { enabled = true }, cohere = { headers = { X-A = "1" } } } # c\n[chat]\nmodel = "x"\n',
    '# a\n[providers.groq.headers]\nX-A = "1"\n\n# b\n[chat]\nmodel = "x"\n\n# c\n[providers.groq]\nenabled = true\n# end',
    '[routes]\n"llama-3.3" = ["groq/x"]\nfast = [ "groq/y", # why\n]\n\n[custom]\n[custom.a]\nbase_url = "http://a/v1"\n',
]
text_values = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
changes = st.one_of(
    st.tuples(st.just("demo"), st.none() | st.booleans()),
    st.tuples(st.just("chat.model"), st.none() | text_values),
    st.tuples(st.just("chat.system"), st.none() | text_values),
    st.tuples(st.sampled_from(["providers.groq.enabled", "providers.cohere.enabled"]), st.none() | st.booleans()),
    st.tuples(st.just("providers.groq.total_timeout_s"), st.none() | st.floats(0, 86400) | st.integers(0, 86400)),
    st.tuples(st.just("providers.groq.models"), st.none() | st.lists(text_values.filter(str.strip), max_size=2)),
    st.tuples(
        st.sampled_from(["providers.groq.headers.X-A", "providers.cohere.headers.X-A", "providers.cohere.headers.X.B"]),
        st.none() | st.sampled_from(["1", "two words", 'a "quote"']),
    ),
    st.tuples(st.just("providers.cohere.headers"), st.none() | st.just({}) | st.just({"X-A": "2", "X-C": "3"})),
    st.tuples(
        st.sampled_from(["custom.a", "custom.b"]),
        st.none()
        | st.just({"base_url": "http://x/v1", "label": "x", "headers": {"X-Q": "q"}})
        | st.just({"base_url": "http://y"}),
    ),
    st.tuples(st.just("providers.groq"), st.none() | st.just(ProviderSettings(enabled=False, models=("m",)))),
    st.tuples(st.sampled_from(["routes.fast", "routes.llama-3.3"]), st.none() | st.just(["groq/z"]) | st.just([])),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(style=st.sampled_from(STYLES), steps=st.lists(changes, max_size=6))
def test_any_changes_in_any_way_of_writing_do_just_what_they_say(
    tmp_path: Path, style: str, steps: list[tuple[str, object]]
) -> None:
    """Against a plain model: the parsed table with the same change made; and no comment is ever lost but a deleted line's."""
    path = tmp_path / "settings.toml"
    path.write_text(style, encoding="utf-8")
    path.with_name("settings.toml.bak").unlink(missing_ok=True)
    file = SettingsFile.load(path, redactor=Redactor())
    for key, value in steps:
        before = without_empty(tomllib.loads(path.read_text(encoding="utf-8")))
        lone = [line for line in path.read_text(encoding="utf-8").split("\n") if line.startswith("#")]
        file.set(key, value)
        text = path.read_bytes().decode()
        after = without_empty(tomllib.loads(text))
        parts = key.split(".", {"routes": 1, "providers": 3}.get(key.partition(".")[0], 9))
        model = before
        for part in parts[:-1]:
            model = model.setdefault(part, {})
        model.pop(parts[-1], None)
        if value is not None:
            model[parts[-1]] = {"enabled": False, "models": ["m"]} if isinstance(value, ProviderSettings) else value
        assert after == without_empty(before)
        assert [line for line in text.split("\n") if line in lone] == lone or not before
    assert file.problems == ()


def without_empty(table: dict[str, object]) -> dict[str, object]:
    kept = {key: without_empty(value) if isinstance(value, dict) else value for key, value in table.items()}
    return {key: value for key, value in kept.items() if value != {}}
