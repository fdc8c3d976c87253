"""Tests of the folder and the catalog: no HTTP, real files, real SQLite."""
