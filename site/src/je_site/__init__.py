"""Puts je-kernel into a JupyterLite site."""
