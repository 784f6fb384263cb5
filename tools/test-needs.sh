#!/bin/sh
# Get the programs that tests (or, with "bench", benchmarks) drive: as root on Debian by apt-get, else say what is missing.
set -eu
# program:package; several programs of one package need one line
needs="chromium-headless-shell:chromium-headless-shell mosquitto:mosquitto rabbitmq-server:rabbitmq-server redis-server:redis-server haproxy:haproxy curl:curl ip:iproute2 iptables:iptables keepalived:keepalived slapd:slapd
    postgres:postgresql mariadbd:mariadb-server-core my_print_defaults:mariadb-client-core vsftpd:vsftpd sshd:openssh-server ssh-keygen:openssh-client
    strace:strace dovecot:dovecot-imapd postfix:postfix activemq:activemq memcached:memcached javac:default-jdk-headless promtool:prometheus systemd-analyze:systemd debootstrap:debootstrap"
[ "${1:-test}" = bench ] && needs="wrk:wrk"

PATH="$PATH:/usr/sbin:/sbin"
for folder in /usr/lib/postgresql/*/bin; do PATH="$PATH:$folder"; done

missing=
for need in $needs; do
    command -v "${need%%:*}" >/dev/null 2>&1 || missing="$missing ${need##*:}"
done
# pictures of pages are made with it, so that they are the same everywhere
[ -e /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf ] || missing="$missing fonts-dejavu-core"
# ActiveMQ makes map messages readable with it
[ -e /usr/share/java/xstream.jar ] || missing="$missing libxstream-java"
# Debian has one mail server at a time: none that is here is removed for another
case "$missing " in
*" postfix "*)
    if [ -e /usr/sbin/sendmail ]; then
        printf '==> there is a mail server here other than Postfix, whose tests are left out\n'
        missing=$(printf '%s' "$missing " | sed 's/ postfix / /; s/ *$//')
    fi
    ;;
esac
[ -n "$missing" ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    printf '==> apt-get install%s\n' "$missing"
    # Debian starts servers when it installs them, and makes a database of its own; the tests start theirs, on free ports.
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        trap 'rm -f "$policy"' EXIT
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod +x "$policy"
    fi
    export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
    apt-get update -qq
    # else Postfix would be set up for the whole machine, and start with it
    echo 'postfix postfix/main_mailer_type select No configuration' | debconf-set-selections
    apt-get install -y -qq --no-install-recommends $missing >/dev/null
else
    printf '==> not here:%s\n' "$missing"
    printf '    As root: apt-get install%s\n' "$missing"
    printf '    Tests of a database or broker fail without it; HANSA_TEST_WITHOUT=NAME,NAME leaves them out.\n'
fi
