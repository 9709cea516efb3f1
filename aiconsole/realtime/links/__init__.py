"""Exchanging events with other consoles.

A console has one `Links`, which numbers its own events (from 1, for this run of it) and keeps the newest for who was away. Each
`Link` in it joins one meeting place, such as a database all consoles of a team reach, over a `Transport`. What a meeting place
is made of is the transport's business alone; heartbeat, reconnecting, resuming and telling of gaps are the link's.

To add a kind of meeting place, implement `Transport` and answer the frames of `frames` as `hub` does, which is the in-process
one and the model to follow. For PostgreSQL or Supabase Realtime that means: a table of entries by origin and sequence stands
for the hub's logs, ``Hello`` is answered from it, ``Events`` are inserted where they follow the last of their origin, a
notification says that there is more, and old rows go as old entries go here, told as a gap.

Events of others come onto the bus as `FromPeer`, which no link sends on.
"""
