"""`python -m benchmarks.peers.pth IN OUT`: the tensors of a PyTorch state dict as an `.npz`, in their order."""

import sys

import numpy as np
import torch

if __name__ == "__main__":
    state = torch.load(sys.argv[1], map_location="cpu", weights_only=True)
    state = state.get("state_dict", state)
    state = state[0] if isinstance(state, list) else state  # a cascade: its first network
    np.savez(sys.argv[2], **{name: value.numpy() for name, value in state.items()})
