"""``aiconsole alerts``: what is open, rules, channels and backtests without a window."""

from __future__ import annotations

import argparse
import asyncio
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Final

from aiconsole.command_arguments import amount, amount_or_none
from aiconsole.printing import Print, Table, when

if TYPE_CHECKING:
    from aiconsole.alerts.service import Alerts
    from aiconsole.domain.alerts import Alert
    from aiconsole.domain.errors import ConfigError
    from aiconsole.engine import Engine

GOOD: Final = 0
FAILED: Final = 1
_DAY: Final = 86_400.0


def add_arguments(parser: argparse.ArgumentParser, shared: argparse.ArgumentParser, command: object) -> None:
    """Give ``parser`` the actions; ``shared`` has the options that every command takes, ``command`` is what is run."""
    parser.set_defaults(run=command)
    actions = parser.add_subparsers(dest="action", metavar="action", required=True)
    listing = actions.add_parser("list", parents=[shared], help="alerts that are open, and with --all those before")
    listing.add_argument("--all", action="store_true", help="resolved ones too")
    listing.add_argument("--days", type=amount, default=30.0, metavar="N", help="with --all: of so many days (30)")
    show = actions.add_parser("show", parents=[shared], help="one alert with its parts and its timeline")
    show.add_argument("alert", help="its id, or the beginning of it")
    for action, words in (("ack", "take note of an alert"), ("resolve", "call an alert done")):
        one = actions.add_parser(action, parents=[shared], help=words)
        one.add_argument("alert", help="its id, or the beginning of it")
        one.add_argument("note", nargs="?", default="", help="a note for its timeline")
    silence = actions.add_parser("silence", parents=[shared], help="tell nobody of an alert, nor of the next like it")
    silence.add_argument("alert", help="its id, or the beginning of it")
    silence.add_argument("note", nargs="?", default="", help="a note for its timeline")
    silence.add_argument(
        "--hours", type=amount_or_none, default=1.0, metavar="N", help="for so long (1); 0 ends a silence"
    )
    actions.add_parser("rules", parents=[shared], help="read the rules out")
    backtest = actions.add_parser("backtest", parents=[shared], help="when rules would have fired")
    backtest.add_argument("rule", nargs="*", help="these rules only")
    backtest.add_argument("--days", type=amount, default=30.0, metavar="N", help="over so many days (30)")
    actions.add_parser("channels", parents=[shared], help="where alerts are sent, and how that goes")
    channel = actions.add_parser("channel", parents=[shared], help="keep a channel's address, or remove the channel")
    channel.add_argument("name", help="a short name of your own")
    channel.add_argument("--remove", action="store_true", help="forget it")
    channel.add_argument("--least", choices=("info", "warning", "critical"), help="the least serious alerts sent there")
    test = actions.add_parser("test", parents=[shared], help="send a test to channels")
    test.add_argument("channel", nargs="*", help="these channels only")


async def run(engine: Engine, options: argparse.Namespace, table: Table, tell: Print, print_json: Print) -> int:
    """Do what was asked: 0 where it went well, 1 where a channel did not take a test or a rules file has faults.

    Raises:
        ConfigError: there is no such alert, rule or channel, or another console has the database open.
        StoreError: the database cannot be used.
    """
    alerts = await engine.open_alerts(by_itself=False)
    if options.action == "list":
        await _list(alerts, options, table, tell, print_json)
    elif options.action == "show":
        _show(await _one(alerts, options.alert), options, tell, print_json)
    elif options.action in ("ack", "resolve", "silence"):
        _act(alerts, options, tell)
    elif options.action == "rules":
        return _rules(alerts, options, table, tell, print_json)
    elif options.action == "backtest":
        await _backtest(alerts, options, table, tell, print_json)
    elif options.action == "channels":
        await alerts.channels.load()
        await _channels(alerts, options, table, print_json)
    elif options.action == "channel":
        await _channel(engine, alerts, options, tell)
    else:
        return await _test(alerts, options, tell)
    return GOOD


async def _list(alerts: Alerts, options: argparse.Namespace, table: Table, tell: Print, print_json: Print) -> None:
    since = datetime.now().timestamp() - options.days * _DAY  # noqa: DTZ005  (epoch seconds)
    found = await alerts.recent(since) if options.all else alerts.current()
    if options.json:
        print_json(found)
    elif found:
        table(("ID", "STATE", "SEVERITY", "RAISED", "WHAT"), [_row(alert) for alert in found])
    else:
        tell("No alerts.")


async def _one(alerts: Alerts, alert_id: str) -> Alert:
    from aiconsole.domain.errors import ConfigError

    alert = await alerts.get(alert_id)
    if alert is None:
        raise ConfigError(f"There is no alert {alert_id}.", advice="See `aiconsole alerts list --all`.")
    return alert


def _show(alert: Alert, options: argparse.Namespace, tell: Print, print_json: Print) -> None:
    if options.json:
        print_json(alert)
        return
    tell(f"{alert.id}  {alert.severity}, {alert.state}: {alert.summary}")
    for part in alert.parts:
        tell(f"  {part.rule}: {part.words} {'over' if part.until else 'still so'}, since {when(part.since)}")
    for step in alert.timeline:
        tell(f"{when(step.at)}  {step.what}  {step.words}".rstrip())
    if alert.links.requests:
        tell(f"requests: {', '.join(alert.links.requests)}")


def _act(alerts: Alerts, options: argparse.Namespace, tell: Print) -> None:
    if options.action == "ack":
        alert = alerts.acknowledge(options.alert, options.note)
    elif options.action == "resolve":
        alert = alerts.resolve(options.alert, options.note)
    else:
        alert = alerts.silence(options.alert, options.hours * 3600, options.note)
    tell(f"{alert.id} is {alert.state} now.")


def _rules(alerts: Alerts, options: argparse.Namespace, table: Table, tell: Print, print_json: Print) -> int:
    from aiconsole.alerts.words import describe

    found = alerts.rules
    if options.json:
        print_json([{"name": rule.name, "enabled": rule.enabled, "words": describe(rule)} for rule in found.rules])
    else:
        rows = [(rule.name, "on" if rule.enabled else "off", describe(rule)) for rule in found.rules]
        table(("RULE", "", "WORDS"), rows)
    for problem in found.problems:
        tell(f"{found.path.name}: {problem}")
    return FAILED if found.problems else GOOD


async def _backtest(alerts: Alerts, options: argparse.Namespace, table: Table, tell: Print, print_json: Print) -> None:
    from aiconsole.domain.errors import ConfigError

    rules = {rule.name: rule for rule in alerts.rules.rules}
    for name in options.rule:
        if name not in rules:
            raise ConfigError(f"There is no alert rule “{name}”.", advice="See `aiconsole alerts rules`.")
    end = datetime.now().timestamp()  # noqa: DTZ005  (epoch seconds)
    tested = [await alerts.backtest(rules[name], end - options.days * _DAY, end) for name in (options.rule or rules)]
    if options.json:
        print_json(tested)
        return
    table(("RULE", "WORDS"), [(each.rule, each.words) for each in tested])
    for each in tested:
        for fired in each.fired:
            ended = "still" if fired.end is None else when(fired.end)
            tell(f"{each.rule}: {when(fired.start)} to {ended}, {fired.subject or 'all'}: {fired.words}")


async def _channels(alerts: Alerts, options: argparse.Namespace, table: Table, print_json: Print) -> None:
    views = await alerts.channel_views()
    if options.json:
        print_json(views)
        return
    rows = [
        (
            view.name,
            "on" if view.enabled else "off",
            view.least,
            view.address or "no address",
            str(view.waiting),
            when(view.last_sent_at),
            view.trouble,
        )
        for view in views
    ]
    table(("NAME", "", "FROM", "ADDRESS", "WAITING", "LAST", "TROUBLE"), rows)


async def _channel(engine: Engine, alerts: Alerts, options: argparse.Namespace, tell: Print) -> None:
    from aiconsole.domain.errors import ConfigError

    key = f"alert_channels.{options.name}"
    known = options.name in alerts.channels.all()
    if options.remove:
        if not known:
            raise _no_channel(alerts, options.name)
        await alerts.channels.load()
        await alerts.forget_address(options.name)
        await engine.reset(key)
        tell(f"The channel {options.name} is forgotten.")
        return
    await engine.change(f"{key}.least", options.least or "warning")
    if sys.stdin.isatty():
        import getpass

        url = await asyncio.to_thread(getpass.getpass, "Its Apprise URL, such as ntfy://ntfy.sh/topic (not shown): ")
    else:
        url = await asyncio.to_thread(sys.stdin.readline)
    try:
        await alerts.keep_address(options.name, url)
    except ConfigError:
        if not known:
            await engine.reset(key)
        raise
    tell(f"The address of {options.name} is kept in the keyring. Try it with `aiconsole alerts test {options.name}`.")


async def _test(alerts: Alerts, options: argparse.Namespace, tell: Print) -> int:
    from aiconsole.domain.errors import ConfigError

    await alerts.channels.load()
    names = options.channel or list(alerts.channels.all())
    if not names:
        raise ConfigError("There is no channel yet.", advice="Add one with `aiconsole alerts channel NAME`.")
    for name in names:
        if name not in alerts.channels.all():
            raise _no_channel(alerts, name)
    good = True
    for name in names:
        sent = await alerts.test_channel(name)
        good = good and sent.ok
        tell(f"{name}: {'delivered' if sent.ok else f'NOT delivered. {sent.trouble}'}")
    return GOOD if good else FAILED


def _no_channel(alerts: Alerts, name: str) -> ConfigError:
    from aiconsole.domain.errors import ConfigError

    there_are = ", ".join(alerts.channels.all())
    advice = f"There are: {there_are}." if there_are else "Add one with `aiconsole alerts channel NAME`."
    return ConfigError(f"There is no channel called “{name}”.", advice=advice)


def _row(alert: Alert) -> tuple[str, ...]:
    return (alert.id, alert.state, alert.severity, when(alert.fired_at or alert.began_at), alert.summary)
