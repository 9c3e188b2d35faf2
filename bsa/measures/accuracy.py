"""Accuracy on the first images in file order, as the paper counts it."""


def measure(view, *, images):
    """`{"accuracy": share, "images": n, "correct": (n,) bool}` of the first `images` images of a `View`."""
    correct = view.logits(view.x[:images]).argmax(-1) == view.y[:images]
    return {"accuracy": float(correct.mean()), "images": len(correct), "correct": correct}
