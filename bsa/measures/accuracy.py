"""Accuracy on the first images in file order, as the paper counts it."""


def measure(predict, x, y, *, images):
    """`{"accuracy": share, "images": n, "correct": (n,) bool}` of the first `images` images.

    `predict(x) -> logits (n, classes)`; x (n, height, width, channels) in [0, 1], y (n,) int.
    """
    correct = predict(x[:images]).argmax(-1) == y[:images]
    return {"accuracy": float(correct.mean()), "images": len(correct), "correct": correct}
