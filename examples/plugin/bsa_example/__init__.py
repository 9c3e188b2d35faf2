"""Components that bsa finds by the entry points of this package."""
