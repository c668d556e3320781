# shellcheck shell=bash disable=SC2034
# packages.sh — what the project needs from Debian's or Ubuntu's archive, and install_packages
# NAME..., which installs what is missing of it. Sourced by etc/quickstart and tests/run.

packages_build=(build-essential cmake ninja-build pkg-config libuv1-dev libpq-dev libssl-dev
    libjansson-dev libsystemd-dev zlib1g-dev libisal-dev libarchive-dev libcurl4-openssl-dev
    libssh2-1-dev libexpat1-dev libzstd-dev)
packages_demo=(python3 postgresql postgresql-client openssl util-linux)
packages_test=(python3-cryptography python3-zstandard sshfs bindfs ceph-mon ceph-osd ceph-common radosgw libfaketime openssh-server openssh-client gzip tar acl attr iproute2 procps dbus systemd mandoc tzdata)
packages_long=(clang libclang-rt-dev)
packages_bench=(restic borgbackup rclone awscli)

install_packages() {
    local missing=() name
    for name in "$@"; do
        dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -q 'ok installed' || missing+=("$name")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    if [ "$(id -u)" -ne 0 ]; then
        echo "these packages are missing: ${missing[*]} (run this once with sudo, or install them)" >&2
        return 1
    fi
    echo "installing ${missing[*]}"
    # The PostgreSQL packages would make and start a cluster of their own; we start what we need.
    if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
        mkdir -p /etc/postgresql-common
        echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
    fi
    apt-get update -q >/dev/null
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}" >/dev/null
}
