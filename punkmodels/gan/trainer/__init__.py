"""Parts of a GAN training: losses, schedules, state, steps and evaluations.

Only `punkmodels.gan.train`, which combines them, tests and benchmarks import this package.
"""
