#!/bin/sh
# Records what `slabtrace monitor` reads: memory, slab caches and, where the kernel has it,
# kmemleak. It needs nothing but a POSIX shell; busybox will do. Run it as root:
#
#   INTERVAL=60 LOG=/var/log/slabmon.log sh slabmon.sh &
#
# and from rc.local or a unit, to go on after a reboot: it appends. Then, oldest first:
#
#   slabtrace monitor slabmon.log.1 slabmon.log
#   slabtrace kmemleak slabmon.log.1 slabmon.log

INTERVAL=${INTERVAL:-60}                # seconds between two samples
LOG=${LOG:-slabmon.log}
LIMIT=${LIMIT:-10240}                   # kB; a longer log becomes $LOG.1
TURNS=${TURNS:-0}                       # samples to take; 0: until it is stopped
KMEMLEAK=${KMEMLEAK:-/sys/kernel/debug/kmemleak}
KMEMLEAK_EVERY=${KMEMLEAK_EVERY:-10}    # samples from one scan to the next; 0: never scan
PROC=${PROC:-/proc}

if ! [ -r "$PROC/slabinfo" ]; then
    echo "$0: $PROC/slabinfo is not readable; run as root" >&2
    exit 1
fi

turn=0
while :; do
    {
        date -u '+%Y-%m-%d %H:%M:%S'
        cat "$PROC/version" "$PROC/meminfo"
        echo ----------------------
        cat "$PROC/slabinfo"
        if [ "$KMEMLEAK_EVERY" -gt 0 ] && [ $((turn % KMEMLEAK_EVERY)) -eq 0 ] &&
            [ -w "$KMEMLEAK" ]; then
            echo "---------------------- $KMEMLEAK"
            echo scan > "$KMEMLEAK"
            cat "$KMEMLEAK"
        fi
        echo ++++++++++++++++++++++
    } >> "$LOG" 2> /dev/null
    if [ "$(wc -c < "$LOG")" -gt $((LIMIT * 1024)) ]; then
        mv -f "$LOG" "$LOG.1"
    fi
    turn=$((turn + 1))
    if [ "$TURNS" -gt 0 ] && [ "$turn" -ge "$TURNS" ]; then
        exit 0
    fi
    sleep "$INTERVAL"
done
