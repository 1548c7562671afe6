"""Chaos: real processes under load are killed, stopped and robbed; afterwards a checker compares what clients were told,
what the log says and what took effect. Nothing here is loaded unless DAYBOOK_CHAOS is set.

Read on in config/chaos/runs.py.
"""
