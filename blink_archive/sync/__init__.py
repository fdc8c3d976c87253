"""The passes over the one queue: discover (Blink to catalog) and fetch (catalog to disk to catalog)."""
