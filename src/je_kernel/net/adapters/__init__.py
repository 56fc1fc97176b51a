"""Adapters: one module for each library that does not go through `http.client`."""
