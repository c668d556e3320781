#!/bin/bash
# Runs as root inside the namespaces that systemd_boot.py makes; prints "ok NAME" and "not ok NAME".
set -u
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
within() { # within SECONDS COMMAND...: until it succeeds
    local left=$(($1 * 10))
    shift
    until "$@" >/dev/null 2>&1; do
        left=$((left - 1))
        [ $left -gt 0 ] || return 1
        sleep 0.1
    done
}
value() { systemctl show -P "$1" synbakd.service; }
is() { # is EXPECTED ACTUAL
    [ "$1" = "$2" ] || { echo "expected '$1', got '$2'"; return 1; }
}

tar -C /run/sb/root -c . | tar -C / -x --keep-directory-symlink --no-same-owner
check "sysusers makes the user" systemd-sysusers
check "tmpfiles makes the folders" systemd-tmpfiles --create synbak.conf
umask 022
mkdir -p /srv/tree/deep /etc/synbak
echo content >/srv/tree/deep/file
chmod 700 /srv/tree/deep # readable for root alone: CAP_DAC_READ_SEARCH must serve
openssl rand -base64 32 >/etc/synbak/key
chmod 600 /etc/synbak/key
cat >/etc/synbak/synbak.conf <<'CONF'
[destination local]
path = /var/backups/synbak
key = credential:synbak.key

[source tree]
type = files
path = /srv/tree

[job tree]
sources = tree
destinations = local
daily = at 02:00, keep 3
CONF
systemctl daemon-reload
check "the unit verifies" systemd-analyze verify synbakd.service
check "the socket starts" systemctl start synbakd.socket
check "no daemon yet" is inactive "$(systemctl is-active synbakd.service)"

synbakctl status >/tmp/status 2>&1
check "the first client starts the daemon through the socket" is active "$(systemctl is-active synbakd.service)"
check "it says READY" is notify "$(value Type)"
check "it says what it does" test -n "$(value StatusText)"
check "it runs as synbak" is synbak "$(stat -c %U /proc/"$(value MainPID)")"
check "the key is not for others" bash -c '! setpriv --reuid=nobody --clear-groups cat /run/credentials/synbakd.service/synbak.key'

check "a backup with the credential" synbakctl trigger tree --wait --reason "first set"
check "the set is there" test -e /var/backups/synbak/tree/latest/manifest.json
check "the whole of it verifies" synbakctl verify tree
check "status is well" synbakctl status
journalctl --sync
check "the journal has the job's field" bash -c 'journalctl -u synbakd SYNBAK_JOB=tree -o json | grep -q MESSAGE_ID'
check "the journal has the run's end" bash -c 'journalctl -u synbakd -o cat | grep -qi tree'
check "the key is nowhere in the journal" bash -c '! journalctl | grep -qF -f /etc/synbak/key'

rm -rf /srv/look
check "restore as root, beside" synbakctl restore tree --target /srv/look --yes
check "the restored bytes" cmp /srv/tree/deep/file /srv/look/deep/file
check "config sandbox prints a drop-in" bash -c 'synbakctl config sandbox | grep -q "^\[Service\]"'

check "reload" systemctl reload synbakd
check "still active after the reload" is active "$(systemctl is-active synbakd.service)"
echo 'nonsense = 1' >>/etc/synbak/synbak.conf
systemctl reload synbakd >/dev/null 2>&1
check "a wrong configuration changes nothing" synbakctl trigger tree --wait
check "and reload says why" bash -c '! synbakctl reload 2>/tmp/why && grep -q nonsense /tmp/why'
sed -i '$d' /etc/synbak/synbak.conf

mkdir -p /run/systemd/system/synbakd.service.d
printf '[Service]\nWatchdogSec=1\nRestartSec=100ms\n' >/run/systemd/system/synbakd.service.d/watchdog.conf
systemctl daemon-reload
systemctl restart synbakd
pid=$(value MainPID)
[ "${pid:-0}" -gt 1 ] || { echo "not ok the daemon runs"; exit 1; }
sleep 2.5
check "a loop that answers is left alone" is "$pid" "$(value MainPID)"
kill -STOP "$pid"
check "a loop that hangs is ended and started again" within 20 bash -c "p=\$(systemctl show -P MainPID synbakd); [ \"\$p\" != $pid ] && [ \"\$p\" != 0 ]"
check "and serves" within 10 synbakctl list

check "stop" systemctl stop synbakd
check "the stop was clean" is success "$(value Result)"
rm /etc/synbak/key
check "it starts without the key file" systemctl start synbakd
synbakctl trigger tree --wait >/tmp/why 2>&1
check "and refuses to back up without encryption" grep -qi key /tmp/why
echo "suite done"
