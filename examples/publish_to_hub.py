"""Send a snapshot to a data set repository on Hugging Face's hub.

    python examples/publish_to_hub.py you/cryptopunks [ROOT]

The snapshot's name becomes a tag, so that load_dataset("you/cryptopunks", revision="s2-…") gives
just this one for ever. Needs: pip install "punkdata[hub]", and a token: hf auth login, or HF_TOKEN.
The repository is made private if it is not there. The artwork belongs to its owners: look at
https://licenseterms.cryptopunks.app/ before you make it public.
"""

from __future__ import annotations

import sys

from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError

from punkdata import open_snapshot
from punkdata.errors import PunkError
from punkdata.snapshots.reader import find_damaged_files

if len(sys.argv) < 2 or "/" not in sys.argv[1]:
    sys.exit("usage: python examples/publish_to_hub.py you/cryptopunks [ROOT]")
repository, root = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "data"
try:
    snapshot = open_snapshot(root)
    if damage := find_damaged_files(snapshot):
        sys.exit(f"error: {snapshot.path} is damaged ({damage[0]})")
except PunkError as error:
    sys.exit(f"error: {error}")

hub = HfApi()
try:
    hub.create_repo(repository, repo_type="dataset", private=True, exist_ok=True)
    tags = [tag.name for tag in hub.list_repo_refs(repository, repo_type="dataset").tags]
    if snapshot.version in tags:
        sys.exit(f"{repository} has {snapshot.version} already")
    # One commit, in which what an older snapshot left is deleted: all of it, or nothing.
    hub.upload_folder(
        repo_id=repository,
        repo_type="dataset",
        folder_path=snapshot.path,
        delete_patterns="*",
        commit_message=f"Snapshot {snapshot.version}",
    )
    hub.create_tag(repository, repo_type="dataset", tag=snapshot.version)
except LocalTokenNotFoundError:
    sys.exit("error: there is no token; type: hf auth login")
except HfHubHTTPError as error:
    sys.exit(f"error: {hub.endpoint} refused: {str(error).splitlines()[0]}")
except Exception as error:  # noqa: BLE001  # of whichever HTTP library the hub's own uses
    sys.exit(f"error: {hub.endpoint} cannot be reached ({type(error).__name__}); run it again")
print(f"{hub.endpoint}/datasets/{repository} has {snapshot.version}")
