"""The wheel: what it contains, its description on a package index, and that it works alone."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from email.message import Message
from email.parser import BytesParser
from html.parser import HTMLParser
from pathlib import Path

import pytest
import readme_renderer.markdown
import trove_classifiers
import yaml
from support.paths import REPOSITORY

REPOSITORY_URL = "https://github.com/owner/punkdata"
BASE_COMMANDS = """
punkdata fetch --replay {cassette}
punkdata build-dataset
punkdata verify
punkdata info
punkdata list
punkdata diff latest
punkdata audit --out audit
punkdata gallery
punkdata export imagefolder images
punkdata publish {published}
punkmodels options dcgan
"""
"""Commands that the base installation runs, without the packages of any extra."""


def build_wheel(folder: Path) -> Path:
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    subprocess.run([*command, str(REPOSITORY)], check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built without the variables that the release workflow sets."""
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def tested_wheel(wheel: Path) -> Path:
    """The wheel to install: one that was built before, such as that of a release, or `wheel`."""
    return Path(os.environ.get("WHEEL_UNDER_TEST", wheel)).absolute()


def read_metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        return BytesParser().parsebytes(archive.read(name))


def read_description(metadata: Message) -> str:
    payload = metadata.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode()


def test_wheel_contains_the_packages_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {n for n in archive.namelist() if ".dist-info/" not in n}
    expected = {
        path.relative_to(REPOSITORY).as_posix()
        for package in ("punkdata", "punkmodels")
        for path in (REPOSITORY / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert names == expected
    kinds = {Path(name).suffix for name in names}
    text = {".py", ".typed", ".md", ".json", ".toml", ".txt", ".js", ".css", ".html"}
    assert kinds == {*text, ".npz", ".safetensors"}, "a wheel contains no images"
    models = {Path(name).parent.name for name in names if name.endswith("model.safetensors")}
    assert models == {"classifier", "dcgan", "features", "label-sets", "renderer", "vae-gan"}


class LinkCollector(HTMLParser):
    """Collects the targets of links and images."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.images: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        link, image = values.get("href"), values.get("src")
        if link and not link.startswith("#user-content-"):  # The renderer adds these to headings.
            self.links.append(link)
        if image:
            self.images.append(image)

    def handle_data(self, data: str) -> None:
        self.text += data


def render(metadata: Message) -> LinkCollector:
    assert metadata["Description-Content-Type"] == "text/markdown"
    html = readme_renderer.markdown.render(read_description(metadata))
    assert html, "the description cannot be rendered"
    return LinkCollector(html)


def test_description_without_a_repository_has_no_relative_links(wheel: Path) -> None:
    metadata = read_metadata(wheel)
    page = render(metadata)
    assert page.links
    assert [link for link in page.links if not link.startswith("https://")] == []
    assert page.images == []
    readme = (REPOSITORY / "README.md").read_text("utf-8")
    names = re.findall(r"\[([^\]]+)\]\((?!https:)", readme)
    assert names
    for name in names:
        assert " ".join(name.split()) in " ".join(page.text.split()), "relative links become text"
    assert "Project-URL" not in metadata


def test_released_description_links_to_files_of_the_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUNKDATA_REPOSITORY", f"{REPOSITORY_URL}/")
    monkeypatch.setenv("PUNKDATA_TAG", "v1.2.3")
    metadata = read_metadata(build_wheel(tmp_path))
    page = render(metadata)
    urls = [entry.partition(", ")[2] for entry in metadata.get_all("Project-URL", [])]
    assert page.images
    own = [url for url in [*page.links, *page.images, *urls] if url.startswith(REPOSITORY_URL)]
    assert len(own) >= 10
    for url in [*page.links, *page.images]:
        assert url.startswith("https://"), f"{url} is not absolute"
    for url in own:
        if match := re.fullmatch(rf"{REPOSITORY_URL}/(blob|raw|tree)/v1\.2\.3/([^#]*)(#.*)?", url):
            assert (REPOSITORY / match[2]).exists(), url
            assert (match[1] == "raw") == (url in page.images)
        else:
            assert url in (REPOSITORY_URL, f"{REPOSITORY_URL}/issues")


def test_code_of_the_description_is_unchanged(wheel: Path) -> None:
    pattern = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
    description = read_description(read_metadata(wheel))
    readme = (REPOSITORY / "README.md").read_text("utf-8")
    assert pattern.findall(description) == pattern.findall(readme)


def test_classifiers_are_known_and_claim_only_what_ci_tests(wheel: Path) -> None:
    classifiers = read_metadata(wheel).get_all("Classifier", [])
    assert set(classifiers) <= set(trove_classifiers.classifiers)
    workflow = yaml.safe_load((REPOSITORY / ".github/workflows/ci.yml").read_text("utf-8"))
    matrix = workflow["jobs"]["test"]["strategy"]["matrix"]
    claimed = re.findall(r"Python :: (3\.\d+)", "\n".join(classifiers))
    assert claimed == matrix["python"]


def create_environment(folder: Path, *, dependencies: bool) -> Path:
    """Create a virtual environment and return its folder of commands.

    With `dependencies`, it sees those that are installed here, but not the packages under test:
    those are installed in editable mode, by a .pth file, which only a real site folder reads.
    """
    venv.create(folder, with_pip=not dependencies)
    paths = {"base": str(folder), "platbase": str(folder)}
    if dependencies:
        site_packages = Path(sysconfig.get_path("purelib", "venv", paths))
        here = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
        (site_packages / "dependencies.pth").write_text("\n".join(sorted(here)), "utf-8")
    return Path(sysconfig.get_path("scripts", "venv", paths))


def run(command: list[str | Path], folder: Path) -> str:
    """Run a command outside the repository, so that only the installed wheel can be imported."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(autouse=True)
def _no_python_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONPATH", raising=False)


@pytest.fixture(scope="module")
def scripts(tested_wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Commands of an environment with the wheel, and with the dependencies installed here."""
    folder = tmp_path_factory.mktemp("installed")
    scripts = create_environment(folder / "env", dependencies=True)
    pip = [sys.executable, "-m", "pip", "--python", scripts / "python", "install", "--quiet"]
    run([*pip, "--no-deps", "--no-index", "--ignore-installed", tested_wheel], folder)
    return scripts


@pytest.mark.slow
def test_commands_of_the_installed_wheel_use_the_bundled_models(
    scripts: Path, tested_wheel: Path, tmp_path: Path
) -> None:
    version = read_metadata(tested_wheel)["Version"]
    for program in ("punkdata", "punkmodels"):
        assert run([scripts / program, "--version"], tmp_path) == f"{program} {version}\n"
    run([scripts / "punkmodels", "generate", "--count", "4", "--out", "grid.png"], tmp_path)
    run(
        [scripts / "punkmodels", "generate", "--type", "Ape", "--count", "4", "--out", "ape"],
        tmp_path,
    )
    prediction = run([scripts / "punkmodels", "predict", "ape"], tmp_path)
    assert prediction.count(": Ape 1.00") == 4


@pytest.mark.network
def test_readme_example_runs_with_the_installed_wheel(scripts: Path, tmp_path: Path) -> None:
    python = scripts / "python"
    location = run([python, "-c", "import punkdata; print(punkdata.__file__)"], tmp_path)
    assert Path(location.strip()).is_relative_to(scripts.parent), "not the wheel"
    readme = (REPOSITORY / "README.md").read_text("utf-8")
    examples = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    assert examples
    for code in examples:
        run([python, "-c", code], tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("package", ["punkdata", "punkmodels"])
def test_public_names_have_complete_types(
    package: str, scripts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pyright", reason="needs the extra `audit`")
    # Only with this variable, pyright looks for the package in the environment of the wheel.
    monkeypatch.setenv("PATH", str(scripts), prepend=os.pathsep)
    command = [sys.executable, "-m", "pyright", "--verifytypes", package, "--ignoreexternal"]
    done = subprocess.run(
        [*command, "--outputjson"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    found = json.loads(done.stdout)["typeCompleteness"]
    assert Path(found["moduleRootDirectory"]).is_relative_to(scripts.parent), "not the wheel"
    assert found["completenessScore"] >= 0.97, [
        symbol["name"]
        for symbol in found["symbols"]
        if symbol["isExported"] and not symbol["isTypeKnown"]
    ]


@pytest.mark.network
def test_base_installation_runs_every_command_that_needs_no_extra(
    tested_wheel: Path, tmp_path: Path
) -> None:
    scripts = create_environment(tmp_path / "env", dependencies=False)
    constraints = REPOSITORY / "constraints.txt"
    pip = [scripts / "python", "-m", "pip", "--disable-pip-version-check"]
    run([*pip, "install", "--quiet", "--constraint", constraints, tested_wheel], tmp_path)
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    optional = {r.partition(">=")[0] for r in project["optional-dependencies"]["models"]}
    installed = run([*pip, "list", "--format", "freeze"], tmp_path)
    assert not optional & {line.partition("==")[0] for line in installed.splitlines()}

    cassette, published = REPOSITORY / "cassettes" / "inline", (tmp_path / "published").as_uri()
    for line in BASE_COMMANDS.split("\n")[1:-1]:
        program, *words = line.split()  # Only then, because paths can contain spaces.
        words = [word.format(cassette=cassette, published=published) for word in words]
        run([scripts / program, *words], tmp_path)
    command = [scripts / "punkmodels", "generate"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (
        3,
        "error: this command needs PyTorch, which is not installed; install it with: "
        'pip install "punkdata[models]"\n',
    )
