"""Infrastructure of training that does not depend on the model.

Run folders, checkpoints, exported weights, metric loggers, devices, CUDA graphs and distributed
training. May import `punkdata` and `punkmodels.data`, but not the models.
"""
