"""bsa's attacks side by side with those of other libraries: `python -m benchmarks.attacks --help`.

The driver (`attacks`) runs in bsa's environment. Every entry (`_entries`) is one process: `ours` in bsa's environment,
`peers` in an environment of their own (requirements-peers.txt), which needs neither bsa nor, for most, TensorFlow.
"""
