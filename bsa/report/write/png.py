"""Small pictures within a page, as PNG."""

import base64
import io

import numpy as np


def uri(pixels: np.ndarray, side: int | None = None) -> str:
    """Pixels (h, w, c) in [0, 1] as a data URI; with `side` made smaller where their longest side is longer.

    One channel is grey, three are red, green and blue; of other numbers the first one or three are shown.
    """
    from PIL import Image

    channels = 3 if pixels.shape[-1] >= 3 else 1
    shown = np.rint(255 * np.clip(np.nan_to_num(pixels[..., :channels]), 0, 1)).astype(np.uint8)
    picture = Image.fromarray(shown if channels == 3 else shown[..., 0])
    longest = max(picture.size)
    if side and longest > side:
        size = (max(1, round(each * side / longest)) for each in picture.size)
        picture = picture.resize(tuple(size), Image.Resampling.BOX)
    content = io.BytesIO()
    picture.save(content, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(content.getvalue()).decode()


def difference(image: np.ndarray, adversarial: np.ndarray, amplified: float) -> np.ndarray:
    """Pixels (h, w, c) of how an image was changed: mid-grey where it was not."""
    return 0.5 + amplified * (adversarial.astype(np.float64) - image)
