"""From a resolved spec to stored results: plan, store, pieces, run, display."""
