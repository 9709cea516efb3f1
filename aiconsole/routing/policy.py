"""How requests of one route are to be treated: what the settings say, in the router's own terms."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from aiconsole.domain.chat import OnUnsupported
from aiconsole.routing.continuation import Mode
from aiconsole.routing.selection import Strategy


class Policy(msgspec.Struct, frozen=True):
    """One route's policy. Times in s.

    Attributes:
        strategy: how its candidates are ranked.
        weights: by ``provider/model``, for the strategy "weighted"; 1 where none is given.
        mid_stream: what follows a stream that breaks off after something was shown.
        hedge: whether a second candidate is asked when the first stays silent for long.
        hedge_share: the share of its calls that may be hedged.
        first_token_s: how long to wait for a first token while another candidate stands ready and nothing is known of this
            one; adapts to what was seen of it.
        stall_s: the longest silence within a stream while another candidate stands ready.
        whole_answer_s: how long to wait for an answer that is not streamed while another candidate stands ready.
        total_s: the one deadline of a request over all attempts.
        patience_s: the longest wait for a rate limit to reset when no candidate may be asked at once.
        on_unsupported: what happens to a parameter that a candidate does not take.
    """

    strategy: Strategy = "priority"
    weights: Mapping[str, float] = {}
    mid_stream: Mode = "continue"
    hedge: bool = False
    hedge_share: float = 0.05
    first_token_s: float = 10.0
    stall_s: float = 5.0
    whole_answer_s: float = 60.0
    total_s: float = 600.0
    patience_s: float = 20.0
    on_unsupported: OnUnsupported = "refuse"
