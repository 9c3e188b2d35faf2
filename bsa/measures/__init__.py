"""Measures, one module each: arrays in, a dict of arrays and numbers out."""
