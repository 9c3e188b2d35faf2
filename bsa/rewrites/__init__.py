"""Functions from a model to a model: in another precision, with faster or surrogate gradients, wrapped."""
