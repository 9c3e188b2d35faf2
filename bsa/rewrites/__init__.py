"""A model in, a model out: in another precision, with quicker gradients, with opened ReLUs."""
