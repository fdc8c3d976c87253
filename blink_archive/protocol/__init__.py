"""Blink's wire, pure: the endpoint table, requests, JSON to model, PKCE and the sign-in page."""
