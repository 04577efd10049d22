"""Model cards: the README.md of exported weights, for readers and for the Hugging Face Hub.

A card is computed from the content of config.json alone. The YAML block at its top is the metadata
that the Hub reads, see https://huggingface.co/docs/hub/model-cards.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import reduce
from typing import Any

from punkdata.errors import DataError
from punkdata.report import Report, Row
from punkmodels.export.card_texts import OTHER_GAN, RECIPES, Config, Kind, Metric, find_kind

CARD_FILE = "README.md"


def render_model_card(config: Config, onnx_note: str = "") -> str:
    """Return the text of a model card in Markdown.

    Args:
        config: Content of the config.json of exported weights, with or without `scores`.
        onnx_note: Description of the model.onnx next to it, if there is one.
    """
    kind = find_kind(config)
    scores = _find_scores(config, kind)
    sections = [
        f"---\n{to_yaml(_describe_metadata(config, kind, scores))}\n---",
        f"# {kind.title}",
        kind.summary.format(**config, recipe=RECIPES.get(config["options"].get("recipe"))),
        _describe_files(config, onnx_note),
        f"## Usage\n\n```python\nimport punkmodels\n\n{kind.usage}\n```",
        'This needs `pip install "punkdata[models]"`, and `"punkdata[hub]"` to load it from the '
        "Hub. Weights are read from safetensors; nothing is unpickled.",
        f"## Training data\n\n{_describe_data(config)}",
        "## Scores",
        *_describe_scores(config, kind, scores),
        f"## Limits\n\n{kind.limits}",
        f"## License\n\n{_describe_license(config)}",
    ]
    return "\n\n".join(sections) + "\n"


def _find_scores(config: Config, kind: Kind) -> list[tuple[Metric, float]]:
    """Return the metrics that config.json has; scores of few samples have no distances."""
    found = []
    for metric in kind.metrics:
        value = reduce(
            lambda section, key: section.get(key) if isinstance(section, Mapping) else None,
            metric.path.split("."),
            config.get("scores"),
        )
        if value is not None:
            found.append((metric, float(value)))
    return found


def _describe_metadata(
    config: Config, kind: Kind, scores: list[tuple[Metric, float]]
) -> dict[str, Any]:
    is_punks = kind is not OTHER_GAN
    metadata: dict[str, Any] = {"library_name": "punkmodels", "license": "mit"}
    if kind.pipeline_tag:
        metadata["pipeline_tag"] = kind.pipeline_tag
    names = ("cryptopunks", "pixel-art") if is_punks else ()
    metadata["tags"] = ["punkmodels", *names, *kind.tags]
    if is_punks:
        metadata["datasets"] = ["cryptopunks"]
    if scores:
        version = config["scores"].get("version", config["data"]["version"])
        split = config["scores"].get("split", "held-out").replace("held-out", "validation and test")
        name = f"CryptoPunks, snapshot {version}" if is_punks else "training images"
        dataset = {"type": "cryptopunks" if is_punks else "other", "name": name}
        if is_punks:
            dataset |= {"split": split, "revision": version}
        metrics = [{"type": m.id, "value": round(value, 6), "name": m.name} for m, value in scores]
        task = {"type": kind.pipeline_tag or "other", "name": kind.title}
        metadata["metrics"] = [metric.id for metric, _ in scores]
        metadata["model-index"] = [
            {
                "name": kind.title,
                "results": [{"task": task, "dataset": dataset, "metrics": metrics}],
            }
        ]
    return metadata


def _describe_files(config: Config, onnx_note: str) -> str:
    text = (
        "`model.safetensors` contains the weights in half precision, and `config.json` all options "
        "of the training."
    )
    if versions := config.get("versions"):
        text += f" Trained with punkmodels {versions['punkdata']} and PyTorch {versions['torch']}."
    return f"{text} {onnx_note}".rstrip()


def _describe_data(config: Config) -> str:
    data, options = config["data"], config["options"]
    amount = (
        f"{options['total_images']:,} images, with repetitions"
        if "total_images" in options
        else f"{config['trained'].get('epochs', options['epochs'])} epochs"
    )
    source = "images that are not part of this folder"
    if not options.get("image_dir"):
        scheme = options.get("split_scheme", "default")
        source = (
            f"{data['punks']:,} punks, the training split (scheme `{scheme}`) of the snapshot "
            f"`{data['version']}` of punkdata"
        )
    text = f"Trained on {source}: preset `{options['preset']}`, {amount}, seed {options['seed']}."
    if share := options.get("composed_share"):
        text += (
            f" {share:.0%} of the examples are composed: random outfits, drawn from the layers "
            "that these punks show."
        )
    if not config["trained"]["finished"]:
        text += " **The training is unfinished.**"
    return f"{text} The SHA-256 of its pixels, labels and splits is `{data['labels_hash']}`."


def _describe_scores(
    config: Config, kind: Kind, scores: list[tuple[Metric, float]]
) -> Iterator[str]:
    if not scores:
        yield "The model has not been evaluated."
        return
    rows = [Row(metric.name, (value,)) for metric, value in scores]
    yield Report(rows, ("score", "value")).to_markdown().rstrip()
    try:
        note = kind.scores_note.format_map(config)
    except (KeyError, TypeError, ValueError):
        raise DataError("the scores in config.json are incomplete") from None
    yield f"{note} `punkmodels evaluate` computes these scores."


def _describe_license(config: Config) -> str:
    text = "The weights have the MIT license."
    if config["options"].get("image_dir"):
        return f"{text} It grants no rights to the images of the training."
    return (
        f"{text} The artwork of the CryptoPunks belongs to its owners, and this license grants no "
        "rights to it; see the terms of the collection, https://licenseterms.cryptopunks.app/"
    )


def to_yaml(data: Mapping[str, Any]) -> str:
    """Return nested dictionaries, lists, strings and numbers as YAML in block style."""
    return "\n".join(_yaml_lines(data))


def _yaml_lines(value: Any) -> Iterator[str]:
    # Every JSON string or number is a valid scalar of YAML.
    if isinstance(value, Mapping):
        for key, item in value.items():
            if isinstance(item, Mapping | list):
                yield f"{key}:"
                yield from (f"  {line}" for line in _yaml_lines(item))
            else:
                yield f"{key}: {json.dumps(item, ensure_ascii=False)}"
    elif isinstance(value, list):
        for item in value:
            first, *others = _yaml_lines(item)
            yield f"- {first}"
            yield from (f"  {line}" for line in others)
    else:
        yield json.dumps(value, ensure_ascii=False)
