"""PunkBench: tasks on the CryptoPunks that are not solved, scored alike for anybody's models.

`tracks` lists the tasks, `inputs` makes what a model gets, `scores` and its siblings score what it
returns, and `evaluator` has the public class. Only the command line may import this package.
"""
