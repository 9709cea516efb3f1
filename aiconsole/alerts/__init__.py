"""Alerts: rules held against what happens, alerts with their states and timelines, and channels that are told.

    alerts = await engine.open_alerts()
    alerts.current()
    alerts.acknowledge(alert_id, "looking into it")

`service.py` is the door. Nothing is imported here, so that the command line can name its commands without loading all that.
"""
