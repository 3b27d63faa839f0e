#!/bin/sh
# Records what `slabtrace monitor` reads: memory, slab caches and, where the kernel has it,
# kmemleak. It needs nothing but a POSIX shell; busybox will do. Run it as root:
#
#   INTERVAL=60 LOG=/data/slabmon.log sh slabmon.sh &
#
# LOG belongs on storage that outlives a reboot; /tmp, and /var/log on some boards, are memory.
# To go on after a reboot, start it from /etc/rc.local, from a unit, or from cron:
#
#   @reboot LOG=/data/slabmon.log sh /data/slabmon.sh
#
# It appends. Then, in any order:
#
#   slabtrace monitor slabmon.log*
#   slabtrace kmemleak slabmon.log.2.gz slabmon.log.1.gz slabmon.log    (oldest first)

INTERVAL=${INTERVAL:-60}                # seconds between two samples
LOG=${LOG:-slabmon.log}
LIMIT=${LIMIT:-10240}                   # kB; a longer log becomes $LOG.1, packed if gzip is there
KEEP=${KEEP:-9}                         # so many old logs are kept
TURNS=${TURNS:-0}                       # samples to take; 0: until it is stopped
KMEMLEAK=${KMEMLEAK:-/sys/kernel/debug/kmemleak}
KMEMLEAK_EVERY=${KMEMLEAK_EVERY:-10}    # samples from one scan to the next; 0: never scan
PROC=${PROC:-/proc}

if ! [ -e "$PROC/slabinfo" ]; then
    echo "$0: this kernel has no $PROC/slabinfo; recording $PROC/meminfo alone" >&2
elif ! [ -r "$PROC/slabinfo" ]; then
    echo "$0: $PROC/slabinfo is not readable; run as root" >&2
    exit 1
fi

packed=
if command -v gzip > /dev/null 2>&1; then
    packed=.gz
fi

rotate() {
    older=$KEEP
    while [ "$older" -gt 1 ]; do
        newer=$((older - 1))
        if [ -f "$LOG.$newer$packed" ]; then
            mv -f "$LOG.$newer$packed" "$LOG.$older$packed"
        fi
        older=$newer
    done
    mv -f "$LOG" "$LOG.1"
    if [ -n "$packed" ]; then
        gzip -f "$LOG.1"
    fi
}

sample() {
    date -u '+%Y-%m-%dT%H:%M:%SZ'
    # Uptime is exact where the clock is set while this runs, and tells a reboot.
    cat "$PROC/uptime" "$PROC/version" "$PROC/meminfo"
    echo ----------------------
    if [ -r "$PROC/slabinfo" ]; then
        cat "$PROC/slabinfo"
    fi
    if [ "$KMEMLEAK_EVERY" -gt 0 ] && [ $((turn % KMEMLEAK_EVERY)) -eq 0 ] && [ -w "$KMEMLEAK" ]; then
        echo "---------------------- $KMEMLEAK"
        echo scan > "$KMEMLEAK"
        cat "$KMEMLEAK"
    fi
    echo ++++++++++++++++++++++
}

# A power failure may have cut the last line.
if [ -s "$LOG" ]; then
    echo >> "$LOG"
fi

turn=0
while :; do
    sample >> "$LOG" 2> /dev/null
    # The last samples before a crash are worth most.
    sync
    if [ "$(wc -c < "$LOG")" -gt $((LIMIT * 1024)) ]; then
        rotate
    fi
    turn=$((turn + 1))
    if [ "$TURNS" -gt 0 ] && [ "$turn" -ge "$TURNS" ]; then
        exit 0
    fi
    sleep "$INTERVAL"
done
