"""Exported models: a folder with weights, config.json, a model card and, optionally, an ONNX file.

It may import `data`, `training`, `classifier`, `gan` and `renderer`, but neither the command line
nor the modules of the Python API.
"""
