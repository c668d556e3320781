#!/bin/bash
# Runs as root inside the namespaces that systemd_boot.py makes: README's first section as it is
# printed, on a machine with a live PostgreSQL (peer authentication) and a media folder of another
# user's. Beside it lie synbak.conf, 1.sh, 2.sh and 3.sh, the section's blocks. Prints "ok NAME" and
# "not ok NAME".
set -u
umask 022
cd /
here=/run/sb media=/var/lib/matrix-synapse/media
sudo() { # not on every machine; what the section asks of it
    if [ "$1" = -u ]; then
        runuser -u "$2" -- "${@:3}"
    else
        "$@"
    fi
}
export -f sudo
check() { # check NAME COMMAND...
    local name=$1
    shift
    if "$@" >/tmp/check.out 2>&1; then
        echo "ok $name"
    else
        echo "not ok $name"
        sed 's/^/    /' /tmp/check.out
    fi
}
type_in() { # type_in FILE [WORD REPLACEMENT]...: each line of it on a terminal, with yes where it is asked
    local line text
    text=$(<"$1")
    shift
    while [ $# -gt 0 ]; do
        text=${text//"$1"/"$2"}
        shift 2
    done
    while read -r line; do
        # RUN is what an earlier line of the same block printed last
        line=${line//--undo RUN/--undo $(sed -n 's/.*restore --undo \([0-9_]*\).*/\1/p' /tmp/in-place 2>/dev/null | tail -n 1)}
        check "$line" python3 $here/readme_terminal.py "$line"
        case $line in *--in-place*) cp /tmp/check.out /tmp/in-place && after_in_place ;; esac
    done <<<"$text"
}
dump() { runuser -u postgres -- pg_dump --restrict-key=compare synapse; }
sums() { (cd "$1" && find . -type f -not -path './.synbak-restore*' -exec sha256sum {} + | sort); }
after_in_place() {
    dump >/tmp/now.sql
    sums $media >/tmp/now.sums
    check "the database is back" cmp /tmp/before.sql /tmp/now.sql
    check "the media are back" cmp /tmp/before.sums /tmp/now.sums
}

# --- the machine as its owner has it ---
tar -C $here/root -c . | tar -C / -x --keep-directory-symlink --no-same-owner
check "the installation" bash -c 'systemd-sysusers && systemd-tmpfiles --create && systemctl daemon-reload'
server=$(find /usr/lib/postgresql -maxdepth 2 -name bin | sort -V | tail -n 1)
install -d -o postgres -g postgres /var/run/postgresql /run/server
mkdir -p /var/lib/matrix-synapse
mount -t tmpfs -o mode=755 tmpfs /var/lib/matrix-synapse # folders of an overlay cannot be exchanged
useradd --system matrix-synapse
runuser -u postgres -- "$server/initdb" -D /run/server -A peer --no-sync -E UTF8 --locale=C.UTF-8 >/dev/null
runuser -u postgres -- "$server/pg_ctl" -D /run/server -l /run/server/log -w \
    -o "-k /var/run/postgresql -c listen_addresses='' -c fsync=off" start >/dev/null
runuser -u postgres -- createuser matrix-synapse
runuser -u postgres -- createdb -O matrix-synapse -T template0 -E UTF8 --locale=C synapse
runuser -u matrix-synapse -- psql -q -v events=2000 -f $here/homeserver.sql synapse 2>/dev/null
python3 $here/media_store.py $media --files 100 --bytes 5M
chown -R matrix-synapse $media
chmod -R go= $media
dump >/tmp/before.sql
sums $media >/tmp/before.sums
check "there is something to lose" grep -q . /tmp/before.sql /tmp/before.sums

# --- the section ---
cp $here/synbak.conf /etc/synbak/synbak.conf
type_in $here/1.sh
set_id=$(readlink /var/backups/synbak/synapse/latest)
check "status says when it runs next" bash -c 'synbakctl status | grep -q "in .*(daily"'
check "doctor finds no error" synbakctl doctor
check "doctor has nothing against the key" bash -c '! synbakctl doctor | grep "key /etc"'
check "doctor has nothing against the restore" bash -c '! synbakctl doctor | grep "restore: "'
synbakctl config sandbox | install -D -m 644 /dev/stdin /etc/systemd/system/synbakd.service.d/sandbox.conf
check "the drop-in of config sandbox" bash -c 'systemctl daemon-reload && systemctl restart synbakd'
check "a backup inside it" synbakctl trigger synapse --wait

psql -q -c 'DROP TABLE event_json' synapse
rm -r $media/local_content
dump >/tmp/damaged.sql
sums $media >/tmp/damaged.sums
type_in $here/2.sh synapse/20261120_020000 "synapse/$set_id"
dump >/tmp/now.sql
sums $media >/tmp/now.sums
check "undo brought the damaged database" cmp /tmp/damaged.sql /tmp/now.sql
check "undo brought the damaged media" cmp /tmp/damaged.sums /tmp/now.sums
sums /tmp/media >/tmp/now.sums
check "the media beside" cmp /tmp/before.sums /tmp/now.sums
check "the database beside" test "$(psql -Atc 'SELECT count(*) FROM event_json' synapse_look)" = 2000
check "owners are as they were" test "$(stat -c %U $media/local_thumbnails)" = matrix-synapse
check "a backup after all that, which says that much is gone" bash -c 'synbakctl trigger synapse --wait; [ $? -eq 3 ]'
journalctl --sync
check "the journal complains of nothing that is no fault" bash -c '! journalctl -u synbakd -o cat | grep -i "password file"'

# --- a new machine has the backup folder and the key ---
mv /etc/synbak/key /root/key
systemctl stop synbakd.socket synbakd
mkdir -p /mnt
mv /var/backups/synbak /mnt/backups
rm -r /etc/synbak /var/lib/synbak
type_in $here/3.sh
sums /srv/restored/media >/tmp/now.sums
check "the newest good media on the new machine" cmp /tmp/before.sums /tmp/now.sums
check "the database on the new machine" bash -c 'pg_restore --list /srv/restored/database/synapse.dump | grep -q "TABLE DATA.*events"'
check "readable instructions" grep -q "openssl enc -d" /mnt/backups/synapse/latest/MANIFEST.txt
echo "suite done"
