"""Alembic's scripts: one module per version of a journal's tables, run by `versions.upgrade`."""
