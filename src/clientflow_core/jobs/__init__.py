"""Work that outlives a request: rows in PostgreSQL, wake-ups by SAQ.

A job is a row, committed with the effect that asks for it. A worker claims rows in batches under a
lock that dies with it, and finishes each in the transaction of its effect. The wake-up only says
"look now": a sweep each second finds what nobody was told of.
"""
