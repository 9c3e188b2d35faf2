"""The spec of an evaluation with comments, to be edited by a person. No TensorFlow."""

from typing import Any

COMMENTS = {
    "data": "The test images. Other data: `bsa components data`.",
    "model": "The network. Others, and what each of them takes: `bsa components models`.",
    "blind_spot": (
        "Cells [scale, shift]: all pixels become scale * x + shift, on pixels in pixel_range; [1, 0] are the images as "
        "they are. A cell must keep pixels in their range."
    ),
    "attack": (
        "epsilon: the largest change of a pixel, of pixels in [0, 1]. thresholds: where success is counted. images: "
        "how many correctly classified ones are attacked in each cell. effort: quick, standard or thorough. Other "
        "attacks: `bsa components attacks`."
    ),
    "certify": (
        "A proof that no change within epsilon changes the class. There can be one for networks that are chains of "
        "Dense, Conv2D and ReLU layers."
    ),
    "measures": "images: accuracy is counted on so many of the first images.",
    "report": "What is written besides the page. Others: `bsa components report`.",
}


def commented(spec: dict[str, Any]) -> dict[str, Any]:
    """`spec` with a "comment" in each of its parts (in the first of a list); a spec is read without comments."""

    def with_comment(key, value):
        if isinstance(value, list) and value:
            return [with_comment(key, value[0]), *value[1:]]
        return {"comment": COMMENTS[key]} | value if isinstance(value, dict) and key in COMMENTS else value

    return {key: with_comment(key, value) for key, value in spec.items()}
