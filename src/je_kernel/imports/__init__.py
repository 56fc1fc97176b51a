"""Finders that import the site's packages and modules on the drive, without an installation."""
