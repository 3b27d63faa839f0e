#!/bin/sh
# Records the kernel's kmem trace events with a backtrace each, for slabtrace to read. For the machine that
# leaks, as root, on any kernel since 2.6.31 with CONFIG_FTRACE; busybox is enough.
#
# What it sets it sets back when it ends, however it ends.

usage() {
    cat <<'END'
usage: sh slabrec.sh [-c CACHE | -s BYTES] [-t SECONDS] [-b KIB] [-o FILE] [-l] [-r]

  -c CACHE    this slab cache alone: kmalloc-64, dentry
  -s BYTES    objects of this many bytes alone, as the allocator rounds them: 64
  -t SECONDS  stop after so long; without it, when Enter or Ctrl-C is pressed
  -b KIB      buffer of each CPU, 16384 unless told
  -o FILE     where the recording goes, slabtrace.trace unless told
  -l          live: write entries to standard output as they come, until Ctrl-C
  -r          raw addresses, where the kernel hashes them
END
}

fail() {
    echo "slabrec: $*" >&2
    exit 1
}

cache='' size='' seconds='' kib=16384 out=slabtrace.trace live='' raw=''
while getopts c:s:t:b:o:lrh option; do
    case $option in
    c) cache=$OPTARG ;;
    s) size=$OPTARG ;;
    t) seconds=$OPTARG ;;
    b) kib=$OPTARG ;;
    o) out=$OPTARG ;;
    l) live=yes ;;
    r) raw=yes ;;
    h) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
    esac
done
for number in "$size" "$seconds" "$kib"; do
    case $number in *[!0-9]*) usage >&2; exit 2 ;; esac
done

# The folder of tracefs, which may be mounted nowhere yet. TRACEFS names another one.
find_tracefs() {
    tracefs=${TRACEFS:-/sys/kernel/tracing}
    [ -e "$tracefs/trace" ] && return
    [ -n "${TRACEFS:-}" ] && fail "there is no trace file in $tracefs"
    mount -t tracefs nodev "$tracefs" 2>/dev/null && return
    tracefs=/sys/kernel/debug/tracing
    [ -e "$tracefs/trace" ] && return
    mount -t debugfs nodev /sys/kernel/debug 2>/dev/null
    [ -e "$tracefs/trace" ] || fail 'no tracefs: be root, and have a kernel with CONFIG_FTRACE'
}

# set_to FILE VALUE: sets what the kernel has, and remembers what it was.
restore=''
set_to() {
    [ -w "$tracefs/$1" ] || return 1
    was=$(head -n 1 "$tracefs/$1")
    # The size of a buffer that was never used reads `7 (expanded: 1408)`.
    was=${was%% *}
    echo "$2" > "$tracefs/$1" || return 1
    restore="$was $1
$restore"
}

# filter EVENT EXPRESSION: a filter is forgotten by writing 0.
filter() {
    echo "$2" > "$tracefs/events/kmem/$1/filter" && filters="$1 $filters"
}
filters=''

has_field() {
    grep -q "field:.*[ *]$2\(\[[0-9]*\]\)\{0,1\};" "$tracefs/events/kmem/$1/format" 2>/dev/null
}

put_back() {
    trap - EXIT INT TERM HUP
    echo 0 > "$tracefs/tracing_on"
    echo "$restore" | while read -r value file; do
        [ -n "$file" ] && echo "$value" > "$tracefs/$file"
    done
    for event in $filters; do
        echo 0 > "$tracefs/events/kmem/$event/filter"
    done
}

# Which events, and of which objects.
choose() {
    named='' allocs='kmalloc kmalloc_node kmem_cache_alloc kmem_cache_alloc_node'
    frees='kfree kmem_cache_free'
    case $cache in
    '') ;;
    kmalloc-*)
        allocs='kmalloc kmalloc_node' frees=kfree size=${cache##*-}
        case $size in
        *k) size=$((${size%k} * 1024)) ;;
        *M) size=$((${size%M} * 1048576)) ;;
        esac
        ;;
    *)
        named=$cache allocs='kmem_cache_alloc kmem_cache_alloc_node'
        read -r bytes < "/sys/kernel/slab/$cache/object_size" || fail "there is no cache $cache"
        ;;
    esac
    for event in $allocs; do
        [ -d "$tracefs/events/kmem/$event" ] || continue
        if [ -n "$named" ] && has_field "$event" name; then
            filter "$event" "name == \"$named\""
        elif [ -n "$named" ]; then
            filter "$event" "bytes_req == $bytes"
        elif [ -n "$size" ]; then
            filter "$event" "bytes_alloc == $size"
        fi
        set_to "events/kmem/$event/enable" 1 && chosen="$chosen $event"
    done
    # No free tells its size.
    if [ -n "$named" ] && has_field kmem_cache_free name; then
        filter kmem_cache_free "name == \"$named\""
    fi
    for event in $frees; do
        set_to "events/kmem/$event/enable" 1 && chosen="$chosen $event"
    done
}

# read(2), and not the sendfile() of some cats: kernels throw away what that does not take.
copy() {
    dd if="$tracefs/$1" bs=4096 2>/dev/null
}

head_lines() {
    cat /proc/version
    echo "# slabtrace record-script: events$chosen; ${cache:+cache $cache; }${size:+$size bytes; }$kib KiB for each CPU"
}

overrun() {
    cat "$tracefs"/per_cpu/cpu*/stats 2>/dev/null | {
        sum=0
        while read -r what number; do
            [ "$what" = overrun: ] && sum=$((sum + number))
        done
        echo "$sum"
    }
}

wait_for_end() {
    if [ -n "$seconds" ]; then
        echo "recording for $seconds s" >&2
        # A shell takes no signal while it waits for a program, but for one in the background.
        sleep "$seconds" &
        wait $!
        kill $! 2>/dev/null
    else
        echo 'recording; press Enter to stop' >&2
        read -r _
    fi
}

find_tracefs
chosen=''
set_to tracing_on 0 || fail "cannot write to $tracefs: be root"
trap put_back EXIT
trap 'exit 130' INT TERM HUP
set_to current_tracer nop
set_to buffer_size_kb "$kib"
set_to options/stacktrace 1 || fail 'the kernel has no backtraces of events: it needs CONFIG_STACKTRACE'
set_to options/sym-offset 1
: > "$tracefs/trace"
choose
[ -n "$chosen" ] || fail 'the kernel has no kmem trace events'
echo "slabrec: a buffer of $kib KiB for each CPU, about 150 bytes for each event and its backtrace; each event slows its call down by some microseconds" >&2

if [ -n "$live" ]; then
    [ -n "$raw" ] && set_to options/hash-ptr 0
    head_lines
    echo 1 > "$tracefs/tracing_on"
    copy trace_pipe
    exit 0
fi

trap 'echo >&2' INT TERM HUP
echo 1 > "$tracefs/tracing_on"
wait_for_end
echo 0 > "$tracefs/tracing_on"
trap 'exit 130' INT TERM HUP

[ -n "$raw" ] && set_to options/hash-ptr 0
{ head_lines; copy trace; } > "$out" || fail "cannot write $out"
# Some kernels blank all names where addresses are raw.
if [ -n "$raw" ] && grep -q 'gfp_flags= ' "$out"; then
    echo 1 > "$tracefs/options/hash-ptr"
    { head_lines; copy trace; } > "$out"
    echo 'slabrec: this kernel blanks names where addresses are raw; they are hashed' >&2
fi
lost=$(overrun)
[ "$lost" = 0 ] || echo "slabrec: $lost entries were written over; give a larger -b, or a filter" >&2
echo "slabrec: wrote $out; read it with: slabtrace $out" >&2
