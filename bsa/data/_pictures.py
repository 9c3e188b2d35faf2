"""Image files: their size and colours by their headers, and their pixels. No TensorFlow."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bsa.errors import DataError, one_line

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
GREY = ("1", "L", "LA")  # Pillow's modes of 8 bits
COLOUR = ("P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "LAB", "HSV", "RGBa", "La")


def look(content: bytes, name: object) -> tuple[int, int, bool]:
    """Height, width and whether it is grey, of an image file's content; DataError if it is no such file."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(content)) as image:
            image.load()  # to its end: a truncated file is reported now, and not in the middle of a run
            mode, (width, height) = image.mode, image.size
    except Exception as error:  # whatever the file holds
        unknown = isinstance(error, UnidentifiedImageError)
        what = "a file of another kind" if unknown else f"{type(error).__name__}: {one_line(error)}"
        raise DataError(f"{name}: expected an image that Pillow reads, found {what}: repair or delete it") from None
    if mode not in GREY + COLOUR:
        raise DataError(f"{name}: expected an image of 8 bits, found one of Pillow's mode {mode}: save it as 8-bit PNG")
    return height, width, mode in GREY


def pixels(content: bytes, channels: int, size: Sequence[int] | None) -> np.ndarray:
    """An image file's pixels, (height, width, channels) uint8, `size` [height, width] or its own; no alpha channel."""
    from PIL import Image

    with Image.open(io.BytesIO(content)) as image:
        return resized(image.convert("L" if channels == 1 else "RGB"), size)


def resized(image, size: Sequence[int] | None) -> np.ndarray:
    """The pixels (height, width, channels) uint8 of a Pillow image, L or RGB, bilinear and antialiased at `size`."""
    from PIL import Image

    if size and image.size != (size[1], size[0]):
        image = image.resize((size[1], size[0]), Image.Resampling.BILINEAR)
    found = np.asarray(image)
    return found if found.ndim == 3 else found[..., None]


def inside(folder: Path) -> list[Path]:
    """The image files in a folder and below it, sorted by their relative paths."""
    found = {f.relative_to(folder).as_posix(): f for f in folder.rglob("*") if f.suffix.lower() in ENDINGS}
    return [found[name] for name in sorted(found) if not any(part.startswith(".") for part in name.split("/"))]
