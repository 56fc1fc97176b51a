"""What happens when something is imported: modules on the drive, and packages of the site."""
