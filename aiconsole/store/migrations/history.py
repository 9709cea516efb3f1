"""Step 2: what happened. Requests, their attempts and traces, rollups of both, and events of every other kind.

Any SQLite tool can read it. ``api_usage_logs`` and ``request_attempts`` are views in words and usual units over the narrow
tables ``usage_request`` and ``usage_attempt``, ``usage_rollups`` one over ``usage_rollup``; the rest are tables as they stand:
``provider_health_status`` (and the view ``provider_health_latest``), ``cache_events``, ``breaker_events``,
``fallback_events``, ``user_activity`` and ``alerts``.

Ids tell the time: ``id >> 20`` is when the thing ended or happened, in ms since 1970, and the low 20 bits are a running
number. So the primary key is the index by time, rows are appended to the end of their table, and no other index on time is
needed. Names stand once: in ``usage_series`` (one row a combination of what was counted, provider, model, route, origin and
simulated or not) and in ``label`` (kinds of errors, candidates, outcomes). That leaves some 80 bytes a request. Times are
whole microseconds, money in rollups whole pico-dollars so that sums are exact. ``usage_request.flags``: 1 streamed, 2 cached,
4 the cost is the provider's own figure. What failed, some one in a hundred, stands in ``usage_failure`` once more with its
error, narrow enough to be searched.

``usage_rollup`` has a row a tier (10, 60, 300, 3,600, 14,400 or 86,400 s), series and bucket (``start``, epoch s). Its
histograms are those of sketch.py. Besides each series there are sums by provider and of all (see ``usage_series.counted``: ask
for one of its values only), so that a graph reads few rows. All are written in the transaction that writes the rows they
count.
"""

from __future__ import annotations

_LABEL = "CREATE TABLE label (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE)"

_SERIES = """
CREATE TABLE usage_series (
    id INTEGER PRIMARY KEY,
    counted TEXT NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    route TEXT NOT NULL,
    origin TEXT NOT NULL,
    simulated INTEGER NOT NULL,
    UNIQUE (counted, provider, model, route, origin, simulated)
)"""

_REQUEST = """
CREATE TABLE usage_request (
    id INTEGER PRIMARY KEY,
    request_id TEXT NOT NULL,
    series INTEGER NOT NULL,
    flags INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    duration_us INTEGER NOT NULL,
    ttft_us INTEGER,
    error_kind INTEGER,
    status INTEGER,
    prompt INTEGER,
    completion INTEGER,
    cached_prompt INTEGER,
    cache_written INTEGER,
    reasoning INTEGER,
    billed_prompt INTEGER,
    billed_completion INTEGER,
    cost_usd REAL,
    saved_usd REAL,
    saved_us INTEGER
)"""

_FAILURE = """
CREATE TABLE usage_failure (
    id INTEGER PRIMARY KEY,
    series INTEGER NOT NULL,
    error_kind INTEGER NOT NULL,
    error TEXT NOT NULL
)"""

_ATTEMPT = """
CREATE TABLE usage_attempt (
    request INTEGER NOT NULL,
    number INTEGER NOT NULL,
    candidate INTEGER NOT NULL,
    outcome INTEGER NOT NULL,
    began_us INTEGER NOT NULL,
    duration_us INTEGER NOT NULL,
    ttft_us INTEGER,
    error_kind INTEGER,
    status INTEGER,
    error TEXT,
    cost_usd REAL,
    PRIMARY KEY (request, number)
) WITHOUT ROWID"""

_TRACE = "CREATE TABLE usage_trace (id INTEGER PRIMARY KEY, trace BLOB NOT NULL)"

_ROLLUP = """
CREATE TABLE usage_rollup (
    tier INTEGER NOT NULL,
    series INTEGER NOT NULL,
    start INTEGER NOT NULL,
    count INTEGER NOT NULL,
    failures INTEGER NOT NULL,
    refusals INTEGER NOT NULL,
    cancelled INTEGER NOT NULL,
    cached INTEGER NOT NULL,
    uncosted INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    prompt INTEGER NOT NULL,
    completion INTEGER NOT NULL,
    cost_pico INTEGER NOT NULL,
    saved_pico INTEGER NOT NULL,
    saved_us INTEGER NOT NULL,
    duration_us INTEGER NOT NULL,
    latency BLOB NOT NULL,
    ttft BLOB NOT NULL,
    errors BLOB NOT NULL,
    PRIMARY KEY (tier, series, start)
) WITHOUT ROWID"""

_HEALTH = """
CREATE TABLE provider_health_status (
    id INTEGER PRIMARY KEY,
    provider TEXT NOT NULL,
    healthy INTEGER NOT NULL,
    started_at REAL NOT NULL,
    last_seen_at REAL NOT NULL,
    looks INTEGER NOT NULL,
    latency_ms REAL,
    error_kind TEXT,
    reason TEXT NOT NULL,
    simulated INTEGER NOT NULL
)"""

_CACHE = """
CREATE TABLE cache_events (
    id INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    step TEXT NOT NULL,
    entry TEXT NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    size INTEGER NOT NULL,
    age_s REAL,
    saved_usd REAL,
    saved_ms REAL,
    similarity REAL,
    reason TEXT NOT NULL,
    repeated INTEGER NOT NULL,
    simulated INTEGER NOT NULL
)"""

_CACHE_ROLLUP = """
CREATE TABLE cache_rollup (
    tier INTEGER NOT NULL,
    simulated INTEGER NOT NULL,
    start INTEGER NOT NULL,
    hits INTEGER NOT NULL,
    misses INTEGER NOT NULL,
    repeated INTEGER NOT NULL,
    PRIMARY KEY (tier, simulated, start)
) WITHOUT ROWID"""

_BREAKER = """
CREATE TABLE breaker_events (
    id INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    breaker TEXT NOT NULL,
    state_before TEXT NOT NULL,
    state_after TEXT NOT NULL,
    reason TEXT NOT NULL,
    open_until REAL,
    observe_only INTEGER NOT NULL,
    simulated INTEGER NOT NULL
)"""

_FALLBACK = """
CREATE TABLE fallback_events (
    id INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    kind TEXT NOT NULL,
    route TEXT NOT NULL,
    request_id TEXT NOT NULL,
    subject TEXT NOT NULL,
    next TEXT NOT NULL,
    words TEXT NOT NULL,
    error_kind TEXT,
    simulated INTEGER NOT NULL
)"""

_ACTIVITY = """
CREATE TABLE user_activity (
    id INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL
)"""

_ALERTS = """
CREATE TABLE alerts (
    id INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    alert TEXT NOT NULL,
    rule TEXT NOT NULL,
    state TEXT NOT NULL,
    severity TEXT NOT NULL,
    summary TEXT NOT NULL,
    subject TEXT NOT NULL
)"""

_LOGS_VIEW = """
CREATE VIEW api_usage_logs AS
SELECT r.id,
    strftime('%Y-%m-%d %H:%M:%f', (r.id >> 20) / 1e3, 'unixepoch') AS finished_utc,
    (r.id >> 20) / 1e3 - r.duration_us / 1e6 AS started_at,
    (r.id >> 20) / 1e3 AS finished_at,
    r.request_id, s.route, s.provider, s.model, s.origin, s.simulated,
    coalesce(k.text, 'answered') AS outcome,
    k.text AS error_kind, f.error, r.status,
    r.ttft_us / 1e3 AS ttft_ms, r.duration_us / 1e3 AS duration_ms,
    r.prompt AS prompt_tokens, r.completion AS completion_tokens, r.cached_prompt AS cached_tokens,
    r.cache_written AS cache_written_tokens, r.reasoning AS reasoning_tokens,
    r.cost_usd, CASE WHEN r.cost_usd IS NULL THEN NULL WHEN r.flags & 4 THEN 'provider' ELSE 'price list' END AS cost_source,
    (r.flags & 2) <> 0 AS cached, r.saved_usd, r.saved_us / 1e3 AS saved_ms,
    r.attempts, r.flags & 1 AS stream
FROM usage_request r JOIN usage_series s ON s.id = r.series LEFT JOIN usage_failure f ON f.id = r.id
LEFT JOIN label k ON k.id = f.error_kind"""

_ATTEMPTS_VIEW = """
CREATE VIEW request_attempts AS
SELECT a.request AS api_usage_log, a.number, c.text AS candidate, o.text AS outcome,
    a.began_us / 1e3 AS began_ms, a.duration_us / 1e3 AS duration_ms, a.ttft_us / 1e3 AS ttft_ms,
    k.text AS error_kind, a.error, a.status, a.cost_usd
FROM usage_attempt a JOIN label c ON c.id = a.candidate JOIN label o ON o.id = a.outcome
LEFT JOIN label k ON k.id = a.error_kind"""

_ROLLUPS_VIEW = """
CREATE VIEW usage_rollups AS
SELECT CASE u.tier WHEN 10 THEN 'ten seconds' WHEN 60 THEN 'minute' WHEN 300 THEN 'five minutes'
        WHEN 3600 THEN 'hour' WHEN 14400 THEN 'four hours' ELSE 'day' END AS tier,
    strftime('%Y-%m-%d %H:%M', u.start, 'unixepoch') AS start_utc,
    s.counted, s.provider, s.model, s.route, s.origin, s.simulated,
    u.count, u.count - u.failures - u.refusals - u.cancelled AS answered, u.failures, u.refusals, u.cancelled, u.cached,
    u.attempts, u.prompt AS prompt_tokens, u.completion AS completion_tokens,
    u.cost_pico / 1e12 AS cost_usd, u.uncosted, u.saved_pico / 1e12 AS saved_usd, u.saved_us / 1e3 AS saved_ms,
    u.duration_us / 1e3 / nullif(u.count - u.failures - u.refusals - u.cancelled, 0) AS mean_ms
FROM usage_rollup u JOIN usage_series s ON s.id = u.series"""

_LATEST_VIEW = """
CREATE VIEW provider_health_latest AS
SELECT * FROM provider_health_status
WHERE id IN (SELECT max(id) FROM provider_health_status GROUP BY provider, simulated)"""

STATEMENTS = (
    _LABEL,
    _SERIES,
    _REQUEST,
    "CREATE INDEX usage_request_series ON usage_request (series)",
    "CREATE INDEX usage_request_named ON usage_request (request_id)",
    _FAILURE,
    _ATTEMPT,
    _TRACE,
    _ROLLUP,
    _HEALTH,
    "CREATE INDEX provider_health_of ON provider_health_status (provider, simulated)",
    _CACHE,
    _CACHE_ROLLUP,
    _BREAKER,
    "CREATE INDEX breaker_events_of ON breaker_events (simulated, breaker)",
    _FALLBACK,
    _ACTIVITY,
    _ALERTS,
    _LOGS_VIEW,
    _ATTEMPTS_VIEW,
    _ROLLUPS_VIEW,
    _LATEST_VIEW,
)
