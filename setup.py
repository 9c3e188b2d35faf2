import runpy
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent

setup(
    name="bsa",
    version=runpy.run_path(str(HERE / "bsa" / "version.py"))["__version__"],
    description="Blind-spot attacks on robust Keras classifiers: the paper's tables from a JSON spec, and a library",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    license_files=["LICENSE"],
    python_requires=">=3.11,<3.14",
    # The specs and schemas stand at the top level of the repository and travel inside the package.
    packages=[*find_packages(include=["bsa", "bsa.*"]), "bsa.schemas", "bsa.specs"],
    package_dir={"bsa.schemas": "schemas", "bsa.specs": "specs"},
    package_data={
        "bsa": ["py.typed", "testing/*.npz", "report/write/templates/*"],
        "bsa.schemas": ["*.json", "*/*.json"],
        "bsa.specs": ["*.json"],
    },
    install_requires=[
        "click>=8.2",
        "filelock>=3.12",
        "h5py>=3.11",
        "importlib_resources>=6.0",  # tensorflow-datasets imports it and does not bring it
        "jinja2>=3.1",
        "joblib>=1.3",
        "jsonschema>=4.20",
        "keras>=3.14",
        "matplotlib>=3.9",
        "numpy>=2.2",
        "pillow>=10.0",  # matplotlib brings it, too; gtsrb's archives hold PPM files
        "platformdirs>=4.0",
        "rich>=13.0",
        "scikit-learn>=1.5",
        "scipy>=1.13",
        "tensorboard>=2.20",  # tf.summary needs it; TensorFlow no longer brings it
        "tensorflow>=2.20",  # of 2.18 and 2.19 the protobuf is too old for today's tensorflow-metadata
        "tensorflow-datasets>=4.9.10",
        "tensorflow-probability[tf]>=0.25",  # its extra brings the tf-keras that fits
        "threadpoolctl>=3.1",
    ],
    extras_require={
        # Searches nearest neighbours faster; not on macOS, where its OpenMP beside another one ends the process.
        "faiss": ["faiss-cpu>=1.9; sys_platform != 'darwin'"],
        "test": ["check-jsonschema>=0.31", "pytest>=8.0", "pytest-xdist>=3.8", "selenium>=4.20"],
        "lint": ["ruff>=0.9"],
        # The site: `mkdocs serve`. A test builds it.
        "docs": ["mkdocs>=1.6", "mkdocs-material>=9.6", "mkdocstrings[python]>=0.29"],
        "ray": ["ray>=2.40"],
        # Searches a space of transformations for blind spots.
        "explore": ["optuna>=4.0", "cmaes>=0.11"],
        # Networks of PyTorch. Some gigabytes on Linux, where PyPI's has CUDA's libraries with it: no test needs it.
        "torch": ["torch>=2.4"],
    },
    entry_points={"console_scripts": ["bsa=bsa.cli:main"]},
    classifiers=[
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
)
