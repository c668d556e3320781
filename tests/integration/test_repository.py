#!/usr/bin/env python3
"""A destination with format = repository, end to end with real parts: back up, look, restore, compare."""
import hashlib
import json
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from deployment import Deployment  # noqa: E402
from harness import check, contains, equal, lacks, run_all, test, wait_until, write_file  # noqa: E402
from repository_place import backup, packs, sets  # noqa: E402


def deployment(**more):
    return Deployment(destination="format = repository", **more)


def stored(d):
    """Bytes of packs."""
    total = 0
    for folder, _, files in os.walk(f"{d.backups}/packs"):
        total += sum(os.path.getsize(f"{folder}/{name}") for name in files)
    return total


def logs(root):
    """Digests of the writer's log."""
    found = {}
    for name in os.listdir(f"{root}/log/writer"):
        with open(f"{root}/log/writer/{name}", "rb") as f:
            found[name] = hashlib.sha256(f.read()).hexdigest()
    return found


@test
def backup_damage_restore_in_place():
    d = deployment()
    backup(d)
    before, sums = d.cluster.dump("synapse"), d.media_sums()
    d.cluster.sql("drop table event_json", "synapse")
    shutil.rmtree(f"{d.media}/local_content")
    d.ctl("restore", "synapse", "--in-place", "--yes", ok=True)
    equal(d.cluster.dump("synapse") == before, True, "the dumps are the same")
    equal(d.media_sums(), sums)


@test
def a_second_set_costs_what_changed_and_both_come_back():
    d = deployment()
    write_file(f"{d.media}/local_content/aa/bb/video", os.urandom(3 << 20))
    first, sums, dump = backup(d), d.media_sums(), d.cluster.dump("synapse")
    grown = stored(d)
    write_file(f"{d.media}/local_content/aa/bb/new", b"one more" * 1000)
    d.cluster.sql("create table added as select 1 as one", "synapse")
    second = backup(d)
    check(first != second, "two sets")
    check(stored(d) - grown < grown / 5, f"{stored(d)} after {grown}")
    for identity, expected in ((first, sums), (second, d.media_sums())):
        target = f"{d.dir}/{identity}"
        d.ctl("restore", f"synapse/{identity}", "--target", target, "--yes", ok=True)
        equal(d.media_sums(f"{target}/media"), expected, identity)
    d.cluster.sql("create database again")
    d.cluster.tool("pg_restore", "-d", "again", f"{d.dir}/{first}/database/synapse.dump")
    equal(d.cluster.dump("again") == dump, True, "the dumps are the same")


@test
def looking_inside():
    d = deployment()
    identity = backup(d)
    listed = d.ctl("ls", f"synapse/{identity}", ok=True).stdout
    for name in ("synapse.dump", "globals.sql", *d.media_sums()):
        contains(listed, name)
    name = "local_content/ze/ro/text"
    with open(f"{d.media}/{name}", "rb") as f:
        equal(d.ctl("dump", f"synapse/{identity}", "media", name, ok=True, text=False).stdout, f.read())
    contains(d.ctl("show", f"synapse/{identity}", ok=True).stdout, identity)


@test
def with_the_key_and_the_place_alone():
    d = deployment()
    backup(d)
    latest = backup(d)
    sums = d.media_sums()
    d.stop()
    shutil.rmtree(d.state)
    os.unlink(d.conf)
    place = ("--destination", d.backups, "--key", f"file:{d.key_file}")
    listed = d.ctl("list", *place, ok=True).stdout
    contains(listed, "synapse")
    lacks(listed, "suspect")  # what did not change since is not stored again
    contains(d.ctl("show", "synapse", *place, ok=True).stdout, latest)
    d.ctl("restore", "synapse", *place, "--target", f"{d.dir}/restored", "--yes", ok=True)
    equal(d.media_sums(f"{d.dir}/restored/media"), sums)
    write_file(f"{d.dir}/wrong", "another key of some length\n", 0o600)
    done = d.ctl("list", "--destination", d.backups, "--key", f"file:{d.dir}/wrong")
    equal(done.returncode, 1)
    contains(done.stderr, "slot")


@test
def pins_and_retention():
    d = deployment(jobs="[job synapse]\nsources = media\ndestinations = local\ndaily = at 02:00\n"
                        "manual = keep 1\n")
    first = backup(d, "--pin", "the very first")
    backup(d)
    last = backup(d)
    for command in ("list", "show"):  # it brings back all, and added nothing
        contains(d.ctl(command, "synapse", ok=True).stdout, " kB +0 B")
    wait_until(lambda: sets(d) == [last, first], "the second to go")
    d.ctl("unpin", f"synapse/{first}", "--reason", "test", ok=True)
    d.ctl("prune", ok=True)
    wait_until(lambda: sets(d) == [last], "the first to go")
    d.ctl("restore", "synapse", "--target", f"{d.dir}/restored", "--yes", ok=True)
    equal(d.media_sums(f"{d.dir}/restored"), d.media_sums())


@test
def what_was_rolled_back_is_noticed():
    d = deployment(jobs="[job synapse]\nsources = media\ndestinations = local\ndaily = at 02:00\n")
    backup(d)
    shutil.copytree(f"{d.backups}/log", f"{d.dir}/log-before")
    contains(d.ctl("status").stdout, "key add --recovery")
    second = backup(d)
    shutil.rmtree(f"{d.backups}/log")
    os.rename(f"{d.dir}/log-before", f"{d.backups}/log")
    d.stop()
    d.start()
    wait_until(lambda: "adopt local" in d.ctl("status").stdout, "the roll-back to be noticed")
    equal(d.ctl("status").returncode, 2)
    told = d.ctl("prune", ok=True).stdout
    contains(told, "nothing is deleted: ")
    contains(told, "adopt local")
    lacks(told, "nothing to delete")
    equal(d.ctl("trigger", "synapse", "--wait").returncode, 1, "nothing is written there")
    contains(d.log_text(), "synbakctl adopt local")
    d.ctl("adopt", "local", ok=True)
    check(d.ctl("status").returncode != 2, "what is there is accepted at once")
    check(second not in sets(d), "the second is lost")
    backup(d)
    d.ctl("restore", "synapse", "--target", f"{d.dir}/restored", "--yes", ok=True)
    equal(d.media_sums(f"{d.dir}/restored"), d.media_sums())


@test
def another_medium_in_the_place_of_a_lost_one():
    d = deployment(jobs="[job synapse]\nsources = media\ndestinations = local\ndaily = at 02:00\n")
    backup(d)
    for name in os.listdir(d.backups):
        path = f"{d.backups}/{name}"
        shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
    equal(d.ctl("trigger", "synapse", "--wait").returncode, 1, "it is not taken for the one that was there")
    d.ctl("adopt", "local", ok=True)
    identity = backup(d)
    equal(sets(d), [identity])
    d.ctl("restore", "synapse", "--target", f"{d.dir}/restored", "--yes", ok=True)
    equal(d.media_sums(f"{d.dir}/restored"), d.media_sums())


@test
def a_new_installation_takes_replicas_over_once():
    jobs = "[job synapse]\nsources = media\ndestinations = local second\ndaily = at 02:00\n"
    d = deployment(jobs=jobs, start=False)
    d.change("format = repository", "format = repository\nrepository = archive\n"
             f"[destination second]\nwarn_free = 0\npath = {d.dir}/second\nkey = file:{d.key_file}\nformat = repository\nrepository = archive\n")
    os.mkdir(f"{d.dir}/second", 0o700)
    d.start()
    first = backup(d)
    d.stop()
    os.rename(d.state, f"{d.state}-lost")
    d.change(f"state_dir = {d.state}", f"state_dir = {d.state}-new")
    d.start()
    wait_until(lambda: d.ctl("status").stdout.count("another installation") == 2, "the owner to be noticed")
    os.rename(f"{d.dir}/second", f"{d.dir}/second-away")
    d.ctl("adopt", "local", ok=True)
    os.rename(f"{d.dir}/second-away", f"{d.dir}/second")
    d.ctl("adopt", "second", ok=True)
    equal(logs(f"{d.dir}/second"), logs(d.backups), "one log, and one take-over in it")
    lacks(d.ctl("status").stdout, "CRITICAL")
    second = backup(d)
    equal(logs(f"{d.dir}/second"), logs(d.backups))
    equal(sets(d), [second, second, first, first])
    lacks(d.log_text(), "tampered")
    d.ctl("verify", "--all", "--data", ok=True)


@test(limit=240)
def a_replica_that_lacks_sets_does_not_go_on_alone():
    jobs = "[job synapse]\nsources = media\ndestinations = second local\ndaily = at 02:00\n"
    d = deployment(jobs=jobs, start=False, programs=("synbakd-fault", "synbak-worker-fault"))
    d.change("format = repository", "format = repository\nrepository = archive\n"
             f"[destination second]\nwarn_free = 0\npath = {d.dir}/second\nkey = file:{d.key_file}\nformat = repository\nrepository = archive\n")
    os.mkdir(f"{d.dir}/second", 0o700)
    d.start()
    backup(d)
    os.rename(f"{d.dir}/second", f"{d.dir}/second-away")
    equal(d.ctl("trigger", "synapse", "--wait").returncode, 4)
    os.rename(d.backups, f"{d.backups}-away")
    os.rename(f"{d.dir}/second-away", f"{d.dir}/second")
    done = d.ctl("trigger", "synapse", "--wait")
    equal(done.returncode, 1, done.stdout)
    contains(done.stdout + done.stderr, "bring that one back")
    os.rename(f"{d.backups}-away", d.backups)
    d.ctl("rescan", ok=True)
    # at once, or by the next try, a minute after one that failed
    d.in_fast_time(lambda: logs(f"{d.dir}/second") == logs(d.backups), "what it lacked to be brought")
    backup(d)
    equal(logs(f"{d.dir}/second"), logs(d.backups))
    d.ctl("verify", "--all", "--data", ok=True)


@test
def damage_is_found_and_names_the_set():
    d = deployment(jobs="[job synapse]\nsources = media\ndestinations = local\ndaily = at 02:00\n")
    write_file(f"{d.media}/local_content/aa/bb/video", os.urandom(3 << 20))
    identity = backup(d)
    d.ctl("verify", f"synapse/{identity}", ok=True)
    d.ctl("verify", "--all", "--data", ok=True)
    largest = max((f"{folder}/{name}" for folder, _, names in os.walk(f"{d.backups}/packs") for name in names),
                  key=os.path.getsize)
    with open(largest, "r+b") as f:
        f.seek(os.path.getsize(largest) // 2)
        byte = f.read(1)
        f.seek(-1, os.SEEK_CUR)
        f.write(bytes([byte[0] ^ 1]))
    equal(d.ctl("verify", f"synapse/{identity}").returncode, 0, "the structure is whole")
    done = d.ctl("verify", "--all", "--data")
    equal(done.returncode, 1)
    contains(done.stdout + done.stderr, os.path.basename(largest)[:16])
    contains(d.ctl("status").stdout, f"{identity} at \"local\" is damaged")
    done = d.ctl("restore", "synapse", "--target", f"{d.dir}/restored", "--yes")
    equal(done.returncode, 1, "it is not restored")
    check(not os.path.exists(f"{d.dir}/restored/local_content/aa/bb/video"), "nothing of it stays")


@test
def what_packs_lost_held_is_stored_again():
    d = deployment(jobs="[job synapse]\nsources = media\ndestinations = local\ndaily = at 02:00\n")
    write_file(f"{d.media}/local_content/aa/bb/video", os.urandom(3 << 20))
    backup(d)
    shutil.rmtree(f"{d.backups}/packs")
    second = backup(d)
    equal(d.log_text().count("packs are missing"), 1, "once a run is enough")
    third = backup(d)
    for number, identity in enumerate((second, third)):
        d.ctl("restore", f"synapse/{identity}", "--target", f"{d.dir}/r{number}", "--yes", ok=True)
        equal(d.media_sums(f"{d.dir}/r{number}"), d.media_sums())
    equal(d.ctl("verify", "--all").returncode, 1, "the first is")


def flip_packs(d):
    """One byte in the first chunk of every pack."""
    for folder, _, names in os.walk(f"{d.backups}/packs"):
        for name in names:
            with open(f"{folder}/{name}", "r+b") as f:
                f.seek(100)
                byte = f.read(1)
                f.seek(100)
                f.write(bytes([byte[0] ^ 1]))


@test
def what_damaged_packs_held_is_stored_again():
    d = deployment(jobs="[job synapse]\nsources = media\ndestinations = local\ndaily = at 02:00\n")
    first = backup(d)
    flip_packs(d)
    done = d.ctl("restore", f"synapse/{first}", "--target", f"{d.dir}/lost", "--yes")
    equal(done.returncode, 1, "no copy is whole")
    equal(d.ctl("verify", "--all", "--data").returncode, 1, "damage")
    before = stored(d)
    second = backup(d)
    check(stored(d) >= 2 * before - (64 << 10), f"{stored(d) - before} bytes came to {before}")
    before = stored(d)
    third = backup(d)
    check(stored(d) <= before + (192 << 10), "once is enough")
    told = ""
    for identity in (second, third):
        told += d.ctl("restore", f"synapse/{identity}", "--target", f"{d.dir}/of-{identity}", "--yes", ok=True).stderr
        equal(d.media_sums(f"{d.dir}/of-{identity}"), d.media_sums())
    flip_packs(d)  # the first copies are whole again, the others are not
    done = d.ctl("restore", f"synapse/{first}", "--target", f"{d.dir}/of-{first}", "--yes", ok=True)
    contains(told + done.stderr, "read from another copy")  # whichever is looked at first
    equal(d.media_sums(f"{d.dir}/of-{first}"), d.media_sums())


@test
def a_repository_in_parts_is_not_begun_anew():
    d = deployment(jobs="[job synapse]\nsources = media\ndestinations = local\ndaily = at 02:00\n")
    identity = backup(d)
    for part, says in (("repository.json", "repository.json is gone"), ("keys", "all key slots of the repository are gone")):
        os.rename(f"{d.backups}/{part}", f"{d.dir}/away")
        d.stop()
        shutil.rmtree(d.state)
        d.start()
        done = d.ctl("trigger", "synapse", "--wait")
        equal(done.returncode, 1, part)
        contains(done.stdout + done.stderr, says)
        done = d.ctl("rescan")
        equal(done.returncode, 1, "not listed")
        contains(done.stdout, "could not be listed")
        os.rename(f"{d.dir}/away", f"{d.backups}/{part}")
        backup(d)
    with open(f"{d.backups}/repository.json", "r+b") as f:
        whole = f.read()
        f.truncate(20)
    contains(d.ctl("trigger", "synapse", "--wait").stdout, "synbakctl repair")
    write_file(f"{d.backups}/repository.json", whole)
    d.ctl("restore", f"synapse/{identity}", "--target", f"{d.dir}/restored", "--yes", ok=True)


@test
def nothing_is_written_where_nothing_is_to_do():
    d = deployment(jobs="[job synapse]\nsources = media\ndestinations = local\ndaily = at 02:00\n")
    told = d.ctl("trigger", "synapse", "--wait", ok=True).stdout
    contains(told, f'repository "local" at {d.backups}')
    lacks(told, "store the index")
    contains(d.ctl("show", "synapse", ok=True).stdout, f'repository "local" at {d.backups}')
    wait_until(lambda: os.path.exists(f"{d.backups}/trash"), "the index to be merged")
    d.stop()

    def written():
        return {f"{folder}/{name}" for part in ("log", "trash", "index") for folder, _, names
                in os.walk(f"{d.backups}/{part}") for name in names}

    before = written()
    d.start()
    d.ctl("rescan", ok=True)
    d.ctl("prune", ok=True)
    told = d.ctl("verify", "synapse", ok=True).stdout
    contains(told, "all that sets need is there")
    contains(told, "--data")
    contains(d.ctl("list", ok=True).stdout, "never")
    d.stop()
    equal(written(), before)
    d.start()
    told = d.ctl("log", ok=True).stdout
    for noise in ("heads", "tracked", "the rules delete", "deleted at", "0 B"):
        lacks(told, noise)


@test
def exported_copied_to_plain_and_to_a_replica():
    jobs = "[job synapse]\nsources = media\ndestinations = local second plain\ndaily = at 02:00\n"
    d = deployment(jobs=jobs, start=False)
    d.change("format = repository", "format = repository\nrepository = archive\n"
             f"[destination second]\nwarn_free = 0\npath = {d.dir}/second\nkey = file:{d.key_file}\nformat = repository\n"
             f"repository = archive\n[destination plain]\nwarn_free = 0\npath = {d.dir}/plain\nkey = file:{d.key_file}\nfeed = copy\n")
    os.mkdir(f"{d.dir}/second", 0o700)
    os.mkdir(f"{d.dir}/plain", 0o700)
    d.start()
    identity, sums = backup(d, "--pin", "both"), d.media_sums()
    equal(packs(f"{d.dir}/second"), packs(d.backups))
    d.ctl("unpin", f"synapse/{identity}", ok=True)
    d.ctl("pin", f"synapse/{identity}", "--reason", "again", ok=True)
    identity = backup(d, "--pin", "both")
    equal(logs(f"{d.dir}/second"), logs(d.backups), "one log, byte for byte")
    check(os.path.exists(f"{d.dir}/plain/synapse/{identity}/manifest.json"), "it was copied")
    d.ctl("export", f"synapse/{identity}", d.dir, "--destination", "second", ok=True)
    d.stop()
    key = ("--key", f"file:{d.key_file}")
    for number, place in enumerate((f"{d.dir}/second", f"{d.dir}/plain")):
        d.ctl("restore", "synapse", "--destination", place, *key, "--target", f"{d.dir}/r{number}", "--yes", ok=True)
        equal(d.media_sums(f"{d.dir}/r{number}"), sums, place)
    d.ctl("restore", f"{d.dir}/synapse-{identity}.tar", *key, "--target", f"{d.dir}/exported", "--yes", ok=True)
    equal(d.media_sums(f"{d.dir}/exported"), sums)
    equal([n for n in os.listdir(d.dir) if "synbak-part" in n], [])


@test
def a_replica_is_mended_from_the_other():
    d = deployment(jobs="[job synapse]\nsources = media\ndestinations = local second\ndaily = at 02:00\n", start=False)
    d.change("format = repository", "format = repository\nrepository = archive\n"
             f"[destination second]\nwarn_free = 0\npath = {d.dir}/second\nkey = file:{d.key_file}\nformat = repository\nrepository = archive\n")
    os.mkdir(f"{d.dir}/second", 0o700)
    d.start()
    identity = backup(d)
    flip_packs(d)
    shutil.rmtree(f"{d.backups}/index")
    equal(d.ctl("verify", "--all", "--data").returncode, 1, "damage")
    contains(d.ctl("repair", "local", "--data", ok=True).stdout, "damaged objects mended")
    d.ctl("verify", "--all", "--data", ok=True)
    d.stop()
    d.ctl("restore", f"synapse/{identity}", "--destination", d.backups, "--key", f"file:{d.key_file}", "--target",
          f"{d.dir}/restored", "--yes", ok=True)
    equal(d.media_sums(f"{d.dir}/restored"), d.media_sums())
    equal(d.ctl("repair", "nosuch").returncode, 2)


@test
def a_recovery_code_restores_where_the_key_is_lost():
    d = deployment(jobs="[job synapse]\nsources = media\ndestinations = local\ndaily = at 02:00\n")
    backup(d)
    contains(d.ctl("doctor", "--ready").stdout, "a recovery key opens the repository")
    contains(d.ctl("key", "card", ok=True).stdout, "key slot")
    alone = d.ctl("repair", "local")
    equal(alone.returncode, 5)
    contains(alone.stderr, "has no replica")
    code = f"{d.dir}/code"
    d.ctl("key", "add", "--recovery", "--output", code, "--destination", "local", ok=True)
    d.ctl("rescan", ok=True)
    wait_until(lambda: "key add --recovery" not in d.ctl("status").stdout, "the slot to be seen")
    d.stop()
    os.unlink(d.key_file)
    d.ctl("restore", "synapse", "--destination", d.backups, "--key", f"file:{code}", "--target", f"{d.dir}/restored",
          "--yes", ok=True)
    equal(d.media_sums(f"{d.dir}/restored"), d.media_sums())


@test
def changes_are_told():
    d = deployment(jobs="[job synapse]\nsources = media\ndestinations = local\ndaily = at 02:00\n")
    first = backup(d)
    contains(d.ctl("changes", "synapse", ok=True).stdout, "nothing to compare it with")
    write_file(f"{d.media}/local_content/ze/ro/more", b"x")
    os.unlink(f"{d.media}/local_content/aa/cc/empty")
    backup(d)
    told = d.ctl("changes", "synapse", ok=True).stdout
    contains(told, "+ local_content/ze/ro/more")
    contains(told, "- local_content/aa/cc/empty")
    write_file(f"{d.media}/local_content/ze/ro/more", b"y")
    backup(d)
    told = json.loads(d.ctl("changes", "synapse", "--since", first, "--json", ok=True).stdout)
    equal([t["id"] for t in told["transactions"]], sets(d)[1::-1])
    equal(d.ctl("changes", "synapse", "--since", "yesterday").returncode, 2)


@test
def a_place_keeps_its_format():
    d = deployment(jobs="[job synapse]\nsources = media\ndestinations = local\ndaily = at 02:00\n")
    backup(d)
    d.stop()
    d.change("format = repository", "")
    d.start()
    done = d.ctl("trigger", "synapse", "--wait")
    equal(done.returncode, 1)
    contains(done.stdout + done.stderr, "holds a repository")
    shutil.rmtree(d.backups)
    os.mkdir(d.backups, 0o700)
    d.ctl("adopt", "local", ok=True)
    backup(d)
    d.stop()
    d.change(f"key = file:{d.key_file}", f"key = file:{d.key_file}\nformat = repository")
    d.start()
    done = d.ctl("trigger", "synapse", "--wait")
    equal(done.returncode, 1)
    contains(done.stdout + done.stderr, "holds sets of the plain format")


@test
def one_read_feeds_both_formats():
    d = deployment(start=False)
    d.change("[source database]", f"[destination plain]\nwarn_free = 0\npath = {d.dir}/plain\nkey = file:{d.key_file}\n[source database]")
    d.change("destinations = local", "destinations = local plain")
    os.mkdir(f"{d.dir}/plain", 0o700)
    d.start()
    for _ in range(2):
        identity = backup(d)
        write_file(f"{d.media}/local_content/aa/bb/{identity}", b"more")
    os.rename(f"{d.backups}/packs", f"{d.dir}/packs")  # no pack can be put there: that one drops out
    write_file(f"{d.backups}/packs", b"in the way")
    equal(d.ctl("trigger", "synapse", "--wait").returncode, 4, "late at one")
    os.unlink(f"{d.backups}/packs")
    os.rename(f"{d.dir}/packs", f"{d.backups}/packs")
    last, sums, dump = backup(d), d.media_sums(), d.cluster.dump("synapse")
    for number, name in enumerate(("local", "plain")):
        target = f"{d.dir}/r{number}"
        d.ctl("restore", f"synapse/{last}", "--destination", name, "--target", target, "--yes", ok=True)
        equal(d.media_sums(f"{target}/media"), sums, name)
        d.cluster.sql(f"create database again{number}")
        d.cluster.tool("pg_restore", "-d", f"again{number}", f"{target}/database/synapse.dump")
        equal(d.cluster.dump(f"again{number}") == dump, True, f"the dumps are the same: {name}")


@test
def from_plain_into_a_repository():
    """Links, names, attributes, holes and owners survive the way from a tar to entries."""
    d = deployment(jobs="[job synapse]\nsources = database media\ndestinations = plain\ndaily = at 02:00\n", start=False)
    d.change("[source database]", f"[destination plain]\nwarn_free = 0\npath = {d.dir}/plain\nkey = file:{d.key_file}\n[source database]")
    os.mkdir(f"{d.dir}/plain", 0o700)
    odd = f"{d.media}/odd \N{SNOWMAN}"
    os.mkdir(odd)
    os.symlink("a", f"{odd}/link")
    write_file(f"{odd}/a", b"twice", 0o640)
    os.link(f"{odd}/a", f"{odd}/b")
    os.setxattr(f"{odd}/a", "user.note", b"\0kept")
    with open(f"{odd}/holes", "wb") as f:
        f.seek(10 << 20)
        f.write(b"end")
    d.start()
    d.ctl("trigger", "synapse", "--wait", "--pin", "kept", ok=True)
    dump = d.cluster.dump("synapse")
    d.ctl("copy", "synapse/latest", "--destination", "local", ok=True)
    d.ctl("restore", "synapse", "--destination", "local", "--target", f"{d.dir}/r", "--yes", ok=True)
    equal(d.media_sums(f"{d.dir}/r/media"), d.media_sums())
    back = f"{d.dir}/r/media/" + os.path.basename(odd)
    equal(os.readlink(f"{back}/link"), "a")
    equal(os.stat(f"{back}/a").st_ino, os.stat(f"{back}/b").st_ino, "one file, two names")
    equal(os.getxattr(f"{back}/a", "user.note"), b"\0kept")
    for name in ("a", "holes"):
        ours, theirs = os.lstat(f"{odd}/{name}"), os.lstat(f"{back}/{name}")
        equal((theirs.st_mode, theirs.st_mtime_ns, theirs.st_size, theirs.st_uid),
              (ours.st_mode, ours.st_mtime_ns, ours.st_size, ours.st_uid), name)
    check(os.stat(f"{back}/holes").st_blocks * 512 < 1 << 20, "the holes came back")
    d.cluster.sql("create database again")
    d.cluster.tool("pg_restore", "-d", "again", f"{d.dir}/r/database/synapse.dump")
    equal(d.cluster.dump("again") == dump, True, "the dumps are the same")
    contains(d.ctl("list", "--destination", "local", ok=True).stdout, "pin")


if __name__ == "__main__":
    run_all()
