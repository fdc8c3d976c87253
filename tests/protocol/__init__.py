"""Tests of Blink's wire: pure, without a network."""
