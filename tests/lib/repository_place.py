"""What tests of a whole installation ask of a repository in a directory: a set made, sets listed, what lies there."""
import json
import os


def sets(d):
    """Ids, newest first."""
    return [s["id"] for s in json.loads(d.ctl("list", "--json", ok=True).stdout)["sets"]]


def backup(d, *arguments):
    """One set made now: its id."""
    d.ctl("trigger", "synapse", "--wait", *arguments, ok=True)
    return sets(d)[0]


def packs(root):
    """Their names, which are digests of what is in them."""
    return {name for _, _, names in os.walk(f"{root}/packs") for name in names}
