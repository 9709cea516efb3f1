"""Alerts: rules over figures and events, the states and grouping of what they find, and the channels it is told to.

`service.Alerts` is the door. An event goes `Watch.notice` -> `World` (facts) -> `judging` (does the condition hold?) -> `Track`
(pending, firing, without flapping) -> `Incidents` (one outage, one alert) -> the store, the bus, `Telling` -> `Outbox` -> Apprise.
`backtest` runs the same conditions and states over the history.
"""
