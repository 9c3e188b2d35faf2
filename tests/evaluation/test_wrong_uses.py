"""Wrong uses of `bsa evaluate`, on the command line: each ends in a sentence that says what to do."""

import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from keras import layers
from PIL import Image

import bsa.testing
from bsa.cli.commands import main

SHAPE, CLASSES = (8, 8, 1), 4
TRAINED = Path(bsa.testing.__file__).with_name("trained.npz")  # weights of wong_small
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:0\n"


class Own(layers.Layer):
    """A layer that no plug-in registers."""

    def call(self, x):
        return x


def networks():
    """Networks that are saved, by the name of their file."""

    def made(*last, shape=SHAPE):
        return keras.Sequential([keras.Input(shape), layers.Flatten(), *last])

    two = [keras.Input(SHAPE), keras.Input(SHAPE)]
    broken = made(layers.Dense(CLASSES))
    broken.set_weights([np.full_like(weights, np.nan) for weights in broken.get_weights()])
    yield "net.keras", made(layers.Dense(CLASSES))
    yield "three.keras", made(layers.Dense(CLASSES - 1))
    yield "colour.keras", made(layers.Dense(CLASSES), shape=(8, 8, 3))
    yield "regression.keras", made(layers.Dense(1))
    yield "segmentation.keras", keras.Sequential([keras.Input(SHAPE), layers.Conv2D(CLASSES, 3)])
    yield "lambda.keras", made(layers.Lambda(lambda x: 2 * x), layers.Dense(CLASSES))
    yield "own.keras", made(Own(), layers.Dense(CLASSES))
    yield "two.keras", keras.Model(two, layers.Dense(CLASSES)(layers.Flatten()(layers.Add()(two))))
    yield "several.keras", keras.Model(two[0], [layers.Dense(n)(layers.Flatten()(two[0])) for n in (CLASSES, 2)])
    yield "nan.keras", broken


def arrays():
    """Images and labels, by the name of their file."""
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (12, *SHAPE), np.uint8), rng.permutation(12) % CLASSES
    unit = np.float32(x / 255)
    hole = unit.copy()
    hole[3, 0, 0] = np.nan
    yield "test", x, y
    yield "texts", x, np.array([f"class {label}" for label in y])
    yield "objects", x, np.array([f"class {label}" for label in y], object)
    yield "floats", x, y.astype(float)
    yield "from_one", x, y + 1
    yield "from_minus_one", x, y - 1
    yield "fewer", x, y[:7]
    yield "soft", x, np.full((12, CLASSES), 1 / CLASSES)
    yield "standardised", (unit - 0.5) / 0.25, y
    yield "to_255", x.astype(np.float32), y
    yield "hole", hole, y
    yield "channels_first", np.moveaxis(np.repeat(x, 3, -1), -1, 1), y
    yield "of_16_bits", x.astype(np.uint16) * 257, y
    yield "large", np.repeat(x, 2, 1), y
    yield "none", x[:0], y[:0]
    yield "black", x // 255, y


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with all that people take for networks and data."""
    here = tmp_path_factory.mktemp("wrong")
    for name, model in networks():
        model.save(here / name)
    with pytest.warns(UserWarning, match="not yet been built"):
        keras.Sequential([layers.Flatten(), layers.Dense(CLASSES)]).save(here / "unbuilt.keras")
    keras.Sequential([keras.Input((3,)), layers.Dense(3)]).save_weights(here / "only.weights.h5")
    for name, x, y in arrays():
        np.savez(here / f"{name}.npz", x=x, y=y)
    np.savez(here / "two.npz", a=x, b=x, y=y)
    np.save(here / "x.npy", x)
    for name, text in {"text": "a text", "pointer": POINTER}.items():
        for ending in ("keras", "npz"):
            (here / f"{name}.{ending}").write_text(text)
    for name in ("net.keras", "test.npz"):
        (here / f"half_{name}").write_bytes((here / name).read_bytes()[:900])
    with zipfile.ZipFile(here / "net.pth", "w") as archive:
        archive.writestr("archive/data.pkl", b"")
    (here / "net.onnx").write_bytes(b"\x08\x07\x12\x07pytorch")
    grey = Image.fromarray(np.full((8, 8), 100, np.uint8))
    for place in ("empty", "loose", "unfilled/a", "unfilled/b", "sizes/a", "sizes/b", "deep/a", "deep/b"):
        (here / place).mkdir(parents=True)
    grey.save(here / "loose" / "1.png")
    for number, name in enumerate("ab"):
        grey.resize((8 + number, 8)).save(here / "sizes" / name / "1.png")
        Image.fromarray(np.full((8, 8), 1000, np.uint16)).save(here / "deep" / name / "1.png")
    return here


def network(name, *expected):
    return [name, "--data", "test.npz"], expected


def data(name, *expected):
    return ["net.keras", "--data", name], expected


def option(*words_and_expected):
    *words, expected = words_and_expected
    return ["net.keras", "--data", "test.npz", *words], (expected,)


WRONG = {
    "no network": network("nothing.keras", "no network nothing.keras", "a path is absolute, or from this folder"),
    "a text": network("text.keras", "found a file of another kind: save the network with model.save"),
    "a pointer": network("pointer.keras", "a Git LFS pointer", "git lfs pull"),
    "half a network": network("half_net.keras", "a truncated download: fetch the file itself again"),
    "weights alone": network("only.weights.h5", "/only.weights.h5: ", "found weights", 'model.save("net.keras")'),
    "of PyTorch": network("net.pth", "bsa evaluate wong_small --weights net.pth", "bsa.from_torch"),
    "of ONNX": network("net.onnx", "found an ONNX file: load it with onnx2torch"),
    "a folder without a network": network("empty", "found a folder without saved_model.pb"),
    "no weights": network("unbuilt.keras", "/unbuilt.keras: expected a model with its weights", "begin it with"),
    "two inputs": network("two.keras", "/two.keras: expected a model with one input, images, found 2"),
    "two outputs": network("several.keras", "is the classes' as `output`"),
    "a regression": network("regression.keras", "found one output from", 'state outputs "logits"'),
    "a segmentation": network("segmentation.keras", "says something of each pixel is no classifier"),
    "a Lambda layer": network("lambda.keras", "/lambda.keras: ", "found a Lambda layer", "give --plugins FOLDER"),
    "an unknown layer": network("own.keras", '"Own", which Keras does not have: register its class', "--plugins"),
    "weights that are NaN": network("nan.keras", "expected finite outputs, found NaN", "look at the weights"),
    "fewer logits": network("three.keras", "each of the 4 classes that the labels tell of, found 3: give the data"),
    "colour": network("colour.keras", "expected images of shape (8, 8, 3)", "found (8, 8, 1): give images of"),
    "a misspelt name": network("wong_smal", "no network wong_smal", 'did you mean "wong_small"?'),
    "a name alone": network("wong_small", "expected its weights, too, --weights FILE"),
    "labels as texts": data("texts.npz", "numpy.unique(y, return_inverse=True)[1] numbers them"),
    "labels as objects": data("objects.npz", "expected an array of numbers", "save it with a dtype"),
    "labels as floats": data("floats.npz", "found float64 of shape (12,): give y.astype(int)"),
    "labels from 1": data("from_one.npz", "each of the 5 classes", "found 4", "labels are counted from 0"),
    "labels from -1": data("from_minus_one.npz", "expected labels from 0", "found -1 to 2"),
    "fewer labels": data("fewer.npz", "integer labels y of shape (12,), one for each image, found", "shape (7,)"),
    "soft labels": data("soft.npz", "a single 1 among 0s", "y.argmax(-1) gives the most likely class"),
    "standardised pixels": data("standardised.npz", "these look standardised: save x * deviation + mean"),
    "pixels to 255": data("to_255.npz", "from 0 to 255", "--set data.pixels=[0,255]"),
    "NaN": data("hole.npz", "found NaN or infinity, first in image 3: repair or leave out"),
    "channels first": data("channels_first.npz", "save numpy.moveaxis(x, 1, -1), which has the channels last"),
    "16 bits": data("of_16_bits.npz", "found uint16", "--set data.pixels=[0,65535]"),
    "another size": data("large.npz", "expected images of shape (8, 8, 1)", "found (16, 8, 1): resize the images"),
    "no images": data("none.npz", "found x uint8 (0, 8, 8, 1): save some"),
    "bytes of 0 and 1": data("black.npz", "found none above 1", "--set data.pixels=[0,1]"),
    "two arrays of images": data("two.npz", "found a uint8 (12, 8, 8, 1), b uint8", "--set data.x=IMAGES"),
    "images alone": data("x.npy", "found one alone", "x.npy,LABELS.npy"),
    "a text as data": data("text.npz", "expected an .npz file of numpy.savez", "found a file of another kind"),
    "a pointer as data": data("pointer.npz", "a Git LFS pointer, which only names the file", "git lfs pull"),
    "half of the data": data("half_test.npz", "a truncated download: fetch the file itself again"),
    "no data there": data("nothing.npz", "no file nothing.npz", "a path is absolute, or from the current folder"),
    "an empty folder": data("empty", "expected a folder of images for each class"),
    "a folder without classes": data("loose", "expected a folder of images for each class", "and no folder"),
    "classes without images": data("unfilled", "unfilled/a: expected images of this class", "or delete it"),
    "images of two sizes": data("sizes", "8 x 8 in a/1.png and 8 x 9 in b/1.png", "--set data.size=[HEIGHT,WIDTH]"),
    "images of 16 bits": data("deep", "deep/a/1.png: expected an image of 8 bits", "save it as 8-bit PNG"),
    "a misspelt data set": data("mnits", 'did you mean "mnist"?'),
    "no name of a data set": data("tfds:", "expected data as tfds:NAME or tfds:NAME:SPLIT"),
    "no --data": (["net.keras"], ("expected --data: the test images, such as test.npz",)),
    "--pixels of one number": option("--pixels", "255", "--pixels: expected LOW,HIGH such as 0,255"),
    "--pixels that are no number": option("--pixels", "0;255", "--pixels: expected LOW,HIGH such as 0,255"),
    "--pixels with NaN": option("--pixels", "nan,1", "--pixels, item 1: expected a number, found NaN"),
    "--pixels the wrong way": option("--pixels", "255,0", "/net.keras: expected pixels as [low, high]"),
    "--pixels unknown": option("--pixels", "imagenet", 'expected one of tf, torch, caffe, found "imagenet"'),
    "--pixels of colours": option("--pixels", "torch", "expected mean as one number or 1, one for each channel"),
    "--outputs unknown": option("--outputs", "softmax", "expected one of auto, logits, probabilities"),
    "--cells that are none": option("--cells", "0.9", "--cells: expected SCALE,SHIFT with spaces between cells"),
    "--cells too wide": option("--cells", "2,0", "a scale above 1 never fits"),
    "--epsilon of 255": option("--epsilon", "8", "found 8; of 255 it is 8/255"),
    "--epsilon 0": option("--epsilon", "0", "a number above 0 and at most 1, or a fraction such as 8/255, found 0"),
    "--images 0": option("--images", "0", "0 is not in the range x>=1"),
    "--fail-over nonsense": option("--fail-over", "nonsense", "expected METRIC[@CELL][@ATTACK]>PERCENT"),
    "--fail-over misspelt": option("--fail-over", "sucess>40", 'did you mean "success"?'),
    "--fail-over no cell": option("--fail-over", "success@0.1,0>5", "expected a cell, then an attack, out of 1,0,"),
    "--fail-under a share": option("--fail-under", "accuracy<0.5", "such as success>40"),
    "--weights of a whole network": option("--weights", TRAINED, "net.keras: expected the name of a network"),
    "--weights of another network": (
        ["wong_large", "--weights", TRAINED, "--data", "digits"],
        ("expected 14 tensors for wong_large", "found 8"),
    ),
    "--network of one": option("--network", "main", "expected --network with a spec of several networks alone"),
    "--out that is a file": option("--out", "text.npz", "--out: expected a folder that can be written, found text.npz"),
    "--store that is a file": option("--store", "text.npz", "text.npz: File exists. Name another with --store"),
    "--set misspelt": option("--set", "attack.0.stps=3", 'found "stps"; did you mean "leg.steps"?'),
}  # fmt: skip


@pytest.mark.parametrize(("words", "expected"), WRONG.values(), ids=WRONG)
def test_a_wrong_use_ends_in_a_sentence(folder, tmp_path, monkeypatch, words, expected):
    monkeypatch.chdir(folder)
    told = {"--epsilon": "8/255", "--images": "5", "--store": tmp_path / "store", "--out": tmp_path / "out"}
    words = [*words, *(word for pair in told.items() if pair[0] not in words for word in pair)]
    done = CliRunner().invoke(main, ["evaluate", *map(str, words)])
    assert isinstance(done.exception, SystemExit), done.exception  # a message and an exit code, and no traceback
    assert done.exit_code in (1, 2, 3), done.output
    told = [line for line in done.output.splitlines() if line.startswith(("bsa: ", "Error: "))]
    assert told == done.output.splitlines()[-1:]  # one sentence, last
    for part in expected:
        assert part in told[0]
    assert not (tmp_path / "out" / "index.html").exists()


def test_the_network_and_the_data_of_all_of_them_are_sound(folder, monkeypatch):
    monkeypatch.chdir(folder)
    done = CliRunner().invoke(
        main, ["init", "net.keras", "--data", "test.npz", "--epsilon", "8/255", "--out", "a.json"]
    )
    assert done.exit_code == 0, done.output
    done = CliRunner().invoke(main, ["plan", "a.json"])
    assert done.exit_code == 0, done.output
