"""What HfApi says of a repository, as JSON: run against a Hub and against its mirror, the answers must be the same."""

import json
import sys

from huggingface_hub import HfApi, get_hf_file_metadata, hf_hub_url
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError

repo, kind = sys.argv[1], sys.argv[2]
api = HfApi()


def refused(call):
    try:
        return f"answered {call()!r}"
    except (RevisionNotFoundError, EntryNotFoundError, RepositoryNotFoundError, HfHubHTTPError) as error:
        return type(error).__name__


def sibling(one):
    return [one.rfilename, one.size, one.blob_id, one.lfs and one.lfs.sha256]


def entry(one):
    # A folder's git id is nowhere in the listings that a store keeps: the mirror makes one up.
    return [one.path, getattr(one, "size", None), getattr(one, "blob_id", None), str(getattr(one, "lfs", None))]


info = api.repo_info(repo, repo_type=kind, files_metadata=True)
files = api.list_repo_files(repo, repo_type=kind)
metadata = [get_hf_file_metadata(hf_hub_url(repo, path, repo_type=kind)) for path in files]
said = {
    "info": [info.id, info.sha, info.private, info.gated, info.author, str(info.last_modified), info.tags],
    "siblings": [sibling(one) for one in info.siblings],
    "files": files,
    "tree": [entry(one) for one in api.list_repo_tree(repo, repo_type=kind, recursive=True)],
    "top": [entry(one)[0] for one in api.list_repo_tree(repo, repo_type=kind)],
    "paths": [entry(one) for one in api.get_paths_info(repo, files[:3] + ["nothing"], repo_type=kind)],
    "metadata": [[one.commit_hash, one.etag, one.size] for one in metadata],
    "refs": [[one.name, one.ref, one.target_commit] for one in api.list_repo_refs(repo, repo_type=kind).branches],
    "commits": [one.commit_id for one in api.list_repo_commits(repo, repo_type=kind)],
    "exists": [
        api.repo_exists(repo, repo_type=kind),
        api.file_exists(repo, files[0], repo_type=kind),
        api.file_exists(repo, "nothing", repo_type=kind),
    ],
    "refused": [
        refused(lambda: get_hf_file_metadata(hf_hub_url(repo, "nothing", repo_type=kind))),
        refused(lambda: list(api.list_repo_tree(repo, "nothing", repo_type=kind))),
    ],
    # Whether there are such ones only upstream can say.
    "absent": [
        refused(lambda: api.repo_info("nobody/nothing", repo_type=kind)),
        refused(lambda: api.repo_info(repo, repo_type=kind, revision="nothing")),
    ],
    "auth": str(api.auth_check(repo, repo_type=kind)),
}
print(json.dumps(said, indent=1, sort_keys=True))
