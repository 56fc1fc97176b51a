"""An import is enough: finders for the site's packages and for modules on the drive, and hints."""
