"""The campaign's benches, made on the first demand; what was found is printed and, on request, kept."""

import os
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1]))  # the package is `campaign`, for the server, too

from campaign import bench as benches
from campaign.tally import Tally, keep

DOCS = "BSA_CAMPAIGN_DOCS"  # names a folder for campaign.md and results/campaign.json


@pytest.fixture(scope="session")
def server():
    """A process that has TensorFlow imported and forks one for each command."""
    if sys.platform != "linux":
        pytest.skip("the campaign forks, and looks into /proc")
    made = benches.Server()
    yield made
    made.close()


@pytest.fixture(scope="session")
def small(server, tmp_path_factory):
    """An experiment without training and attacks, run undisturbed."""
    return benches.Bench(tmp_path_factory.mktemp("campaign") / "small", server, benches.NO_TRAINING)


@pytest.fixture(scope="session")
def whole(server, tmp_path_factory):
    """A cut-down quick start with every kind of stage, run undisturbed."""
    return benches.Bench(tmp_path_factory.mktemp("campaign") / "whole", server, benches.SPEC)


@pytest.fixture
def bench(request, size):
    """The bench of this size."""
    return request.getfixturevalue(size)


@pytest.fixture
def tally(size, capsys):
    """tally(campaign): a `Tally`, which is printed, and in which nothing may be lost; those of the whole are kept."""
    made = []

    def begin(campaign):
        made.append(Tally(campaign))
        return made[-1]

    yield begin
    with capsys.disabled():
        print("", *made, sep="\n")
    if size == "whole" and os.environ.get(DOCS):
        keep([each.row() for each in made], Path(os.environ[DOCS]))
    lost = [f"{each.campaign}: {loss}" for each in made for loss in each.lost]
    assert not lost, "\n".join(lost)
