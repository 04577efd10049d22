"""Upload a snapshot to a data set repository on the Hugging Face Hub.

    python examples/publish_to_hub.py you/cryptopunks [ROOT]

The snapshot's name becomes a tag, so load_dataset("you/cryptopunks", revision="s2-…") always loads
this snapshot. Needs: pip install huggingface_hub, and a token (`hf auth login`, or HF_TOKEN). A new
repository is private. The artwork belongs to its owners: read https://licenseterms.cryptopunks.app/
before you make it public.
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
        sys.exit(f"{repository} already has {snapshot.version}")
    # One commit replaces all files, so readers never see a mixture of two snapshots.
    hub.upload_folder(
        repo_id=repository,
        repo_type="dataset",
        folder_path=snapshot.path,
        delete_patterns="*",
        commit_message=f"Snapshot {snapshot.version}",
    )
    hub.create_tag(repository, repo_type="dataset", tag=snapshot.version)
except LocalTokenNotFoundError:
    sys.exit("error: no Hugging Face token found; run: hf auth login")
except HfHubHTTPError as error:
    sys.exit(f"error: {hub.endpoint} refused the request: {str(error).splitlines()[0]}")
except Exception as error:  # noqa: BLE001  # the hub's HTTP library varies
    sys.exit(f"error: {hub.endpoint} cannot be reached ({type(error).__name__}); try again")
print(f"{hub.endpoint}/datasets/{repository} has {snapshot.version}")
