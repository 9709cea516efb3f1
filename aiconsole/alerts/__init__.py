"""Alerts: rules held against what happens, alerts with their states and timelines, and channels that are told.

    alerts = await engine.open_alerts()
    alerts.current()
    alerts.acknowledge(alert_id, "looking into it")

`service.py` is the door. An event goes `Watch.notice` -> `World` (facts) -> `judging` (does a condition hold?) -> `Track`
(pending, firing, no flapping) -> `Incidents` (one outage, one alert) -> the store, the bus, `Telling` -> `Outbox` -> Apprise.
`backtest` runs the same conditions and states over the history.

Nothing is imported here, so that the command line can name its commands without loading all that.
"""
