"""The response cache: answers kept by the request they answer, in memory and in a file of their own.

`front.ResponseCache` stands before the router; `key` says when two requests are the same, `policy` what is kept and for how
long, `shelf` where, `flight` how equal requests under way share one call, and `meaning` finds answers to like questions.
"""
