"""Boot a real systemd as process 1 of its own namespaces, over a throw-away overlay of this
machine's root, run a script inside, and hand back what it printed.

    output = boot(folder)     # folder/suite.sh runs as root inside; folder is /run/sb there

Nothing of it outlives the call: mounts and processes go with the namespaces, the overlay's upper
half is a tmpfs. The machine's own /dev, /sys and /run are never bound into the tree.
"""
import os
import subprocess

import harness

LIMIT_S = 100

# Runs as the first process of the new namespaces: $1 is the folder that becomes /run/sb.
INIT = r"""
set -eu
base=/run/sbroot; mkdir -p $base
mount -t tmpfs -o size=2g tmpfs $base
mkdir $base/upper $base/work $base/root
root=$base/root
mount -t overlay overlay -o lowerdir=/,upperdir=$base/upper,workdir=$base/work $root
mount -t proc proc $root/proc
mount -t sysfs -o ro sysfs $root/sys
for place in run tmp; do mount -t tmpfs tmpfs $root/$place; done
mount -t tmpfs -o mode=755 tmpfs $root/dev
mkdir $root/dev/pts $root/dev/shm
while read -r name major minor; do mknod -m 666 $root/dev/$name c $major $minor; done <<END
null 1 3
zero 1 5
full 1 7
random 1 8
urandom 1 9
tty 5 0
END
ln -s /proc/self/fd $root/dev/fd
mount -t devpts -o newinstance,ptmxmode=666 devpts $root/dev/pts
ln -s pts/ptmx $root/dev/ptmx
mount -t tmpfs tmpfs $root/dev/shm
if [ -d /sys/fs/cgroup/systemd ]; then
    mount -t tmpfs -o mode=755 tmpfs $root/sys/fs/cgroup
    mkdir $root/sys/fs/cgroup/systemd $root/sys/fs/cgroup/unified
    mount -t cgroup -o none,name=systemd,xattr cgroup $root/sys/fs/cgroup/systemd
    mount -t cgroup2 cgroup2 $root/sys/fs/cgroup/unified
else
    mount -t cgroup2 cgroup2 $root/sys/fs/cgroup
fi
systemd-id128 new > $root/etc/machine-id
mkdir -p $root/run/sb $root/run/systemd/system
mount --bind "$1" $root/run/sb
cat > $root/run/systemd/system/sbsuite.target <<END
[Unit]
Requires=basic.target dbus.socket sbsuite.service
After=basic.target dbus.socket
END
cat > $root/run/systemd/system/sbsuite.service <<END
[Service]
Type=oneshot
ExecStart=/bin/bash /run/sb/suite.sh
StandardOutput=append:/run/sb/out.txt
StandardError=append:/run/sb/out.txt
ExecStopPost=/bin/systemctl --no-block exit 0
END
# In a container systemd leaves propagation alone; credentials are mounted through it.
mount --make-rshared $root
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin container=sb \
    chroot $root /lib/systemd/systemd --system --log-target=journal --unit=sbsuite.target
"""


def _cgroups():
    """Folders for a cgroup of our own, in each hierarchy that systemd uses."""
    if os.path.isdir("/sys/fs/cgroup/systemd"):
        return [f"/sys/fs/cgroup/{h}" for h in ("systemd", "unified") if os.path.isdir(f"/sys/fs/cgroup/{h}")]
    return ["/sys/fs/cgroup"]


def _remove_cgroup(path):
    for folder, _, _ in os.walk(path, topdown=False):
        try:
            os.rmdir(folder)
        except OSError:
            pass


def boot(folder):
    """What the script wrote to standard output and error."""
    if os.geteuid() != 0:
        harness.skip("booting systemd needs root")
    groups = [os.path.join(g, f"sb{os.getpid()}") for g in _cgroups()]
    for group in groups:
        os.makedirs(group, exist_ok=True)
        harness.defer(_remove_cgroup, group)
    enter = "".join(f"echo $BASHPID > {g}/cgroup.procs; " for g in groups)
    script = (f"{enter} exec timeout --foreground {LIMIT_S} unshare --pid --fork --kill-child --mount "
              "--propagation private --cgroup --uts --ipc bash -c \"$INIT\" init \"$FOLDER\"")
    done = subprocess.run(["bash", "-c", f"( {script} )"], stdin=subprocess.DEVNULL, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIMIT_S + 20,
                          env={"PATH": os.environ["PATH"], "INIT": INIT, "FOLDER": folder})
    out = os.path.join(folder, "out.txt")
    if not os.path.exists(out):
        raise harness.Failed("systemd did not boot: " + done.stdout.decode(errors="replace")[-2000:])
    with open(out, encoding="utf-8", errors="replace") as f:
        return f.read()
