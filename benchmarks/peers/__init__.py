"""The workers of other libraries, in the peers' environment: they import neither bsa nor, but for one, TensorFlow.

One module a library. A function is an attack: `attack(model, x, y, radius, **params)` gives candidates like x; `load`
gives the counted model that it is handed.
"""
