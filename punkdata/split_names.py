"""Names of splits and split schemes, which `--help` shows; importing them imports nothing else."""

from typing import Literal

Split = Literal["train", "val", "valid", "validation", "test", "all"]
SplitScheme = Literal[
    "default",
    "by_id",
    "fold-1",
    "fold-2",
    "fold-3",
    "fold-4",
    "fold-5",
    "compositional",
    "few-5",
    "few-10",
    "few-20",
]
SPLIT_SCHEME_HELP = (
    "default: stratified over all labels. by_id: ids 0-7999 (train), 8000-8999 (val), 9000-9999 "
    "(test). fold-1 to fold-5: five-fold cross-validation. compositional: the test split has pairs "
    "of accessories that no other punk has. few-5, few-10, few-20: so many training punks of ten "
    "rare accessories."
)
