"""Benchmark: what the product does next to a floor or a peer that does the same by hand, in the same run, as a ratio.

Figures of two runs are not comparable, ratios are. Read on in config/benchmark/runs.py.
"""
