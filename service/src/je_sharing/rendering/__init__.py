"""Render notebooks as printable, read-only HTML without scripts or requests to other sites."""
