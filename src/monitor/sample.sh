# The plainest log that `slabtrace monitor` reads: run this as root on the machine that leaks, for
# hours or days, and stop it with Ctrl-C. Everything but /proc/slabinfo may be left out, and
# separators, order and the form of the date do not matter. `slabtrace monitor --print-script`
# prints slabmon.sh, which rotates its log, and goes on after a reboot.

while :; do
    date
    cat /proc/meminfo
    echo ----------------------
    cat /proc/slabinfo
    echo ----------------------
    ps
    echo ++++++++++++++++++++++
    sleep 60
done >> slabmon.log
