"""Transformations of images, one per module: `make(**params) -> Transform`. A cell of a table is a point of a chain.

A transformation is differentiable TensorFlow if it is `smooth`. Its result depends only on the images, the point, a
seed and the images' numbers.
"""

from bsa.transforms._chain import chain as chain
from bsa.transforms._chain import move as move
from bsa.transforms._ranges import ranges_problems as ranges_problems
from bsa.transforms._transform import Range as Range
from bsa.transforms._transform import Transform as Transform
from bsa.transforms._transform import per_image as per_image
