"""What the author of an attack builds on: a queue of images, starts, legs, squares, the ledger and its journal."""
