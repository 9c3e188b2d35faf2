"""The only modules that know a format."""
