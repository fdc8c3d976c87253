"""Tests of what happens every night without a person."""
