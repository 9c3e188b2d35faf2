"""Transformations of images, one module each."""
