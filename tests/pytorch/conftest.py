import numpy as np
import pytest


@pytest.fixture(scope="session")
def trained_in_torch(trained):
    """The network that tests share, in PyTorch; its images are (n, 1, 28, 28)."""
    torch = pytest.importorskip("torch", reason='PyTorch is not installed: pip install "bsa[torch]"')
    nn = torch.nn
    net = nn.Sequential(nn.Conv2d(1, 16, 4, 2, 1), nn.ReLU(), nn.Conv2d(16, 32, 4, 2, 1), nn.ReLU(), nn.Flatten(),
                        nn.Linear(1568, 100), nn.ReLU(), nn.Linear(100, 10))  # fmt: skip
    one, a, two, b, matrix, c, last, d = trained.get_weights()
    matrix = matrix.reshape(7, 7, 32, 100).transpose(3, 2, 0, 1).reshape(100, -1)
    arrays = [one.transpose(3, 2, 0, 1), a, two.transpose(3, 2, 0, 1), b, matrix, c, last.T, d]
    net.load_state_dict({k: torch.tensor(np.array(v)) for k, v in zip(net.state_dict(), arrays, strict=True)})
    return net.eval()
