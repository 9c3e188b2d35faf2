"""Tensors in, tensors out: what attacks, training and measures share."""
