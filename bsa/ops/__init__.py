"""Functions of tensors that attacks, training and measures share."""
