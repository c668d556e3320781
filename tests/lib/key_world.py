"""What tests of a repository's keys share: a daemon whose one destination is a repository."""
import json
import os

from deployment import Deployment
from harness import equal

MEDIA_ONLY = "[job synapse]\nsources = media\ndestinations = local\ndaily = at 02:00\n"


def deployment(jobs=MEDIA_ONLY, **more):
    return Deployment(destination="format = repository", jobs=jobs, **more)


def backup(d):
    d.ctl("trigger", "synapse", "--wait", ok=True)
    return json.loads(d.ctl("list", "--json", ok=True).stdout)["sets"][0]["id"]


def slots(d, *more):
    listed = json.loads(d.ctl("key", "list", "--json", *more, ok=True).stdout)
    return listed["repositories"][0]["slots"]


def stored(d):
    """Bytes of packs."""
    return sum(os.path.getsize(f"{folder}/{name}") for folder, _, files in os.walk(f"{d.backups}/packs")
               for name in files)


def restored(d, name, *place):
    target = f"{d.dir}/{name}"
    d.ctl("restore", "synapse", *place, "--target", target, "--yes", ok=True)
    equal(d.media_sums(target), d.media_sums(), name)
