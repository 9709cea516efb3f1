"""Every setting, declared once, and the file they are kept in.

    file = SettingsFile.load(home)
    file.values.providers["groq"].base_url
    file.set("providers.groq.total_timeout_s", 120)     # checked, written at once, comments in the file kept

Files, the settings panel, the documentation and the checks are all made from the declaration (declare.py).
"""

from __future__ import annotations

from aiconsole.settings.declare import (
    PROVIDER_NAMES,
    AlertChannel,
    AlertSettings,
    Appearance,
    Chat,
    CustomProvider,
    Fallback,
    History,
    JobSettings,
    Keys,
    Log,
    Network,
    Objectives,
    ProviderSettings,
    RouteOptions,
    Settings,
    Spending,
)
from aiconsole.settings.describe import SettingInfo, describe
from aiconsole.settings.file import SettingsFile
from aiconsole.settings.performance import Performance
from aiconsole.settings.read import Problem

__all__ = [
    "PROVIDER_NAMES",
    "AlertChannel",
    "AlertSettings",
    "Appearance",
    "Chat",
    "CustomProvider",
    "Fallback",
    "History",
    "JobSettings",
    "Keys",
    "Log",
    "Network",
    "Objectives",
    "Performance",
    "Problem",
    "ProviderSettings",
    "RouteOptions",
    "SettingInfo",
    "Settings",
    "SettingsFile",
    "Spending",
    "describe",
]
