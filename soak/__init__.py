"""Campaigns that look for what breaks: each a module with a `--count`, run together by `make soak`."""
