"""Fetches with model-cache, reads with the Hugging Face libraries as they are.

python prefetch.py org/name ['*.safetensors' ...]
"""

import json
import os
import subprocess
import sys

NOT_CACHED = 3


def model_cache(*arguments):
    """Runs the command. Its answer is on stdout; progress and errors go to this program's stderr."""
    return subprocess.run(["model-cache", *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout.rstrip("\n")


def use_store():
    """What `eval "$(model-cache env)"` does in a shell. Before huggingface_hub is imported: it reads them once."""
    os.environ.update(json.loads(model_cache("env", "--json")))


def snapshot_download(repo_id, revision=None, allow_patterns=(), ignore_patterns=()):
    """The folder of the snapshot, every file of it checked against its digest."""
    options = ["--revision", revision] if revision else []
    for pattern in allow_patterns:
        options += ["--include", pattern]
    for pattern in ignore_patterns:
        options += ["--exclude", pattern]
    return model_cache("get", repo_id, *options)


def hf_hub_download(repo_id, filename, revision=None):
    """The path of one file."""
    return model_cache("get", f"{repo_id}/{filename}", *(["--revision", revision] if revision else []))


def try_to_load_from_cache(repo_id, filename):
    """The path of one file if it is here, else None. Never asks the network."""
    try:
        return model_cache("--quiet", "path", f"{repo_id}/{filename}")
    except subprocess.CalledProcessError as error:
        if error.returncode == NOT_CACHED:
            return None
        raise


def main():
    repo_id, patterns = sys.argv[1], sys.argv[2:]
    use_store()
    ours = snapshot_download(repo_id, allow_patterns=patterns)

    # From here on the libraries find everything in the store, and need not ask.
    os.environ["HF_HUB_OFFLINE"] = "1"
    import huggingface_hub

    theirs = huggingface_hub.snapshot_download(repo_id, allow_patterns=patterns or None)
    assert os.path.realpath(theirs) == os.path.realpath(ours), (theirs, ours)
    print(theirs)


if __name__ == "__main__":
    main()
