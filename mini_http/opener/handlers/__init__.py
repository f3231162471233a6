"""Handlers of the opener, one file each; `opener.api` holds the table of the default ones."""
