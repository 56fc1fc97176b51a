"""The sharing service: HTTP API, database, notebook storage and view pages.

`je_sharing.app.create_app` makes the ASGI application; `je-sharing serve` runs it.
"""
