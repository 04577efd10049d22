"""Exported models: a folder with weights, config.json, a model card and, optionally, an ONNX file.

It may import everything in punkmodels except the command line and the modules beside it.
"""
