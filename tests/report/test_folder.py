"""A results folder belongs to one run: nothing of another is mixed in, nothing foreign is touched."""

import json

import pytest

from bsa.errors import UsageError
from bsa.report import Folder


@pytest.fixture
def results(made):
    """Results of an attack alone: what a folder needs of them is their spec and their records."""
    attacked = {"index": [0], "distance": [0.1], "y": [1]}
    return made({"measures": []}, lambda place: attacked if place["kind"] == "attack" else {})


def files(*names):
    """A report that writes files of these names."""

    def render(results, out, about):
        for name in names:
            (out / name).parent.mkdir(exist_ok=True)
            (out / name).write_text("new")
            yield f"figure {out / name}"

    return render


def names(folder):
    found = (file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())
    return sorted(name for name in found if name != ".lock")


def other(results):
    """The same experiment with another seed."""
    return results.spec | {"seed": 7}


def test_run_json_says_what_the_results_are_of(results, tmp_path):
    out = tmp_path / "out"
    shown = list(Folder(out, results.spec).render(results, files("a.md"), ["seed=0"]))
    assert shown == [f"figure {out / 'a.md'}"]
    about = json.loads((out / "run.json").read_text())
    assert (about["spec"], about["overrides"], about["files"]) == (results.spec, ["seed=0"], ["a.md"])
    assert {stage["key"] for stage in about["stages"]} == {result.record["key"] for result in results.all}
    assert about["seconds"] == len(results.all)
    assert {"bsa", "tensorflow", "keras", "numpy", "python"} == set(about["versions"])
    assert about["processor"]
    assert about["date"].endswith("+00:00")


def write_run(folder, results, **change):
    """Have run.json tell of the stages that the folder expects, which the store filled by hand does not hold."""
    about = json.loads((folder.out / "run.json").read_text())
    (folder.out / "run.json").write_text(json.dumps(about | {"stages": [{"key": key} for key in folder.keys]} | change))


def rendered(results, out, *made):
    folder = Folder(out, results.spec)
    list(folder.render(results, files(*made)))
    write_run(folder, results)
    return folder


def test_the_same_run_renders_again_and_only_its_own_stale_files_go(results, tmp_path):
    folder = rendered(results, tmp_path / "out", "a.md", "one/sanity.md")
    (folder.out / "mine.txt").write_text("notes")
    folder.check()
    list(folder.render(results, files("a.md", "b.md")))
    assert names(folder.out) == ["a.md", "b.md", "mine.txt", "run.json"]


def test_other_settings_are_refused_by_their_name_unless_they_are_to_replace(results, tmp_path):
    folder = rendered(results, tmp_path / "out", "a.md", "sanity.md")
    before = (folder.out / "run.json").read_bytes()
    with pytest.raises(UsageError, match=r"/seed is 0 there, 7 here\. .*--out, .*--overwrite"):
        Folder(folder.out, other(results)).check()
    with pytest.raises(UsageError, match="/seed"):
        list(Folder(folder.out, other(results)).render(results, files("a.md")))
    assert (folder.out / "run.json").read_bytes() == before
    replacing = Folder(folder.out, other(results), overwrite=True)
    replacing.check()
    list(replacing.render(results, files("a.md")))
    assert names(folder.out) == ["a.md", "run.json"]


def test_results_of_another_version_are_refused(results, tmp_path):
    folder = rendered(results, tmp_path / "out", "a.md")
    write_run(folder, results, stages=[{"key": "old"}])
    with pytest.raises(UsageError, match="another version of bsa"):
        folder.check()


def test_results_of_an_unknown_run_are_refused_and_foreign_files_are_not(results, tmp_path):
    folder = Folder(tmp_path, results.spec)
    (tmp_path / "notes.md").write_text("")
    folder.check()
    (tmp_path / "success_table_main.md").write_text("")
    with pytest.raises(UsageError, match=r"found success_table_main\.md and no run\.json"):
        folder.check()


@pytest.mark.parametrize("text", ["", "null", "[]", "{}", '{"spec": 1, "stages": [1], "files": []}'])
def test_a_damaged_run_json_is_refused(results, tmp_path, text):
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(UsageError, match=r"damaged run\.json"):
        Folder(tmp_path, results.spec).check()


def test_no_name_in_run_json_leads_out_of_the_folder(results, tmp_path):
    folder = rendered(results, tmp_path / "out", "a.md")
    (tmp_path / "precious").write_text("")
    write_run(folder, results, files=["../precious", str(tmp_path / "precious")])
    list(folder.render(results, files("a.md")))
    assert (tmp_path / "precious").exists()


def test_a_rendering_that_is_cut_short_leaves_the_last_one_whole(results, tmp_path):
    folder = rendered(results, tmp_path / "out", "a.md")
    (folder.out / "a.md").write_text("old")

    def cut(results, out, about):
        (out / "a.md").write_text("new")
        yield ""
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(folder.render(results, cut))
    assert (folder.out / "a.md").read_text() == "old"
    list(folder.render(results, files("a.md")))
    assert (folder.out / "a.md").read_text() == "new"
    assert names(folder.out) == ["a.md", "run.json"]


def test_a_folder_that_cannot_be_written_is_one_sentence(results, tmp_path):
    (tmp_path / "out").write_text("a file")
    for out in (tmp_path / "out", tmp_path / "out" / "below"):
        with pytest.raises(UsageError, match="--out: expected a folder that can be written, found"):
            Folder(out, results.spec).check()
