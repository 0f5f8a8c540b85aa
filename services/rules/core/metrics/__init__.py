"""Metrics: what is remembered of the events that were heard. One file per shape of memory.

A metric's memory is plain JSON (numbers, texts, lists). `observe` may change the memory it is given and returns it: the engine
owns it. Conditions that remember the same thing (same event filter, same signature) share one metric.
"""
