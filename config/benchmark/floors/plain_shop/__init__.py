"""A peer of placing an order over HTTP: the plain Django project that one writes first, with DRF, a token and two tables.

Fair: the same Django, DRF, gunicorn with the same flags, PostgreSQL and connection pool; the middleware of `startproject`; an order and
its lines in one transaction, the lines in one INSERT. It promises less: no events, no idempotency key, no history,
no read tables; a request that was sent twice is two orders.
"""
