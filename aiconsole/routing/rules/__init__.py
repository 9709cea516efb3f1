"""Fallback rules: declared in TOML, checked when saved, told in words, and evaluated where a request is routed."""

from aiconsole.routing.rules.check import check
from aiconsole.routing.rules.declare import Action, Moment, Rule
from aiconsole.routing.rules.measures import Figures, Measures
from aiconsole.routing.rules.reading import default_rules, read_rules, write_rules
from aiconsole.routing.rules.rewriting import rewrite_rules
from aiconsole.routing.rules.run import Firing, RuleBook, Verdict
from aiconsole.routing.rules.words import describe
from aiconsole.rule_text import RuleProblem

__all__ = [
    "Action",
    "Figures",
    "Firing",
    "Measures",
    "Moment",
    "Rule",
    "RuleBook",
    "RuleProblem",
    "Verdict",
    "check",
    "default_rules",
    "describe",
    "read_rules",
    "rewrite_rules",
    "write_rules",
]
