#!/usr/bin/env bash
# Records a console capture with known leaks from a stock Debian kernel in QEMU. See README.md beside this file.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

usage() {
	cat <<'END'
record.sh [OPTION]... NAME

Boots a stock Debian kernel in QEMU with SLUB tracing on, lets a module leak along known call chains, and writes
  NAME.log.gz       the serial console, byte for byte
  NAME.truth.json   what the module counted for itself

  --arch ARCH       amd64, arm64 or armhf                        (default: amd64)
  --kernel VERSION  as in linux-image-VERSION, flavour included  (default: the newest that the suite has)
  --suite CODENAME  take the kernel from this Debian suite       (default: the host's own)
  --sources FILE    apt source file (.list or .sources) to use instead of the host's own
  --caches LIST     caches to trace, comma separated             (default: the one of --size, and leaky_object)
  --size BYTES      what the module asks of kmalloc              (default: 64)
  --count N         allocations along each chain                 (default: 12)
  --notes N         allocations by a writing process             (default: 5)
  --smp N           processors                                   (default: 1)
  --trace-events    record trace events of --size by slabtrace's script, instead of SLUB tracing; writes
                    NAME.trace.gz too, the recording as it comes out of the machine
  --whole-boot      print from the first message on, not only from init on: larger, but no event is missing
  --append TEXT     further words for the kernel command line
  --accel ACCEL     QEMU accelerator                             (default: tcg)
  --timeout SECONDS limit for the boot                           (default: 600)
  --work DIR        downloads and builds, kept between runs      (default: a folder of the user's cache)
  --help            this text
END
}

die() {
	echo "record.sh: $*" >&2
	exit 1
}

say() {
	echo "record.sh: $*" >&2
}

# ---- options ----

set_defaults() {
	arch=amd64 kernel='' suite='' sources='' caches='' size=64 count=12 notes=5 smp=1 level=quiet
	events='' append='' accel=tcg timeout=600 name=''
	work=${XDG_CACHE_HOME:-$HOME/.cache}/slabtrace-record
}

read_options() {
	while [ $# -gt 0 ]; do
		case $1 in
		--help | -h) usage && exit 0 ;;
		--whole-boot) level=loglevel=8 && shift ;;
		--trace-events) events=yes && shift ;;
		--arch | --kernel | --suite | --sources | --caches | --size | --count | --notes | --smp | --append | --accel | --timeout | --work)
			[ $# -gt 1 ] || die "$1 needs a value"
			printf -v "${1#--}" %s "$2"
			shift 2
			;;
		-*) die "unknown option $1 (see --help)" ;;
		*)
			[ -z "$name" ] || die "more than one NAME (see --help)"
			name=$1 && shift
			;;
		esac
	done
	[ -n "$name" ] || die "NAME is missing (see --help)"
}

# What differs between architectures, in one place.
choose_machine() {
	case $arch in
	amd64)
		flavour=amd64 cross='' linux_arch=x86_64 console=ttyS0
		machine=(qemu-system-x86_64 -cpu 'max,la57=off')
		;;
	arm64)
		flavour=arm64 cross=aarch64-linux-gnu- linux_arch=arm64 console=ttyAMA0
		machine=(qemu-system-aarch64 -M virt -cpu cortex-a57)
		;;
	armhf)
		flavour=armmp cross=arm-linux-gnueabihf- linux_arch=arm console=ttyAMA0
		machine=(qemu-system-arm -M virt -cpu cortex-a15)
		;;
	*) die "unknown architecture $arch (amd64, arm64, armhf)" ;;
	esac
	host_arch=$(dpkg --print-architecture)
	[ "$arch" != "$host_arch" ] || cross=''
	caches=${caches:-$(default_cache),leaky_object}
}

# The size classes of kmalloc; 96 and 192 exist where smaller classes do, and arm64 kernels up to 6.5 begin at 128.
size_classes() {
	case $arch in
	amd64) echo 8 16 32 64 96 128 192 256 512 1024 2048 4096 ;;
	armhf) echo 64 128 192 256 512 1024 2048 4096 ;;
	arm64) echo 128 256 512 1024 2048 4096 ;;
	esac
}

default_cache() {
	local class
	for class in $(size_classes); do
		[ "$class" -lt "$size" ] || break
	done
	[ "$class" -ge "$size" ] || die "--size $size: at most 4096"
	if [ "$class" -lt 1024 ]; then echo "kmalloc-$class"; else echo "kmalloc-$((class / 1024))k"; fi
}

check_tools() {
	local tool
	for tool in apt-get apt-cache dpkg make "${cross}gcc" cpio gzip awk "${machine[0]}"; do
		command -v "$tool" >/dev/null || die "$tool is missing (README.md names the packages)"
	done
}

# ---- packages: an apt of its own in the work folder, the host's stays untouched ----

# apt_for ARCH TOOL ARGUMENT...
apt_for() {
	local root=$tree/apt-$1 for_arch=$1 tool=$2
	shift 2
	"$tool" -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$tree/sources" \
		-o Dir::State="$root" -o Dir::State::status="$root/status" -o Dir::Cache="$root/cache" \
		-o APT::Architecture="$for_arch" -o APT::Architectures="$for_arch" -o APT::Sandbox::User=root "$@"
}

# The host's own sources, its suite replaced by the wanted one: so the host's mirrors are used.
prepare_sources() {
	local file codename
	codename=$(awk -F= '$1 == "VERSION_CODENAME" { print $2 }' /etc/os-release)
	suite=${suite:-$codename}
	mkdir -p "$work"
	tree=$(cd "$work" && pwd)/$suite
	rm -rf "$tree/sources" && mkdir -p "$tree/sources"
	if [ -n "$sources" ]; then
		cp "$sources" "$tree/sources/"
		return
	fi
	for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
		[ ! -f "$file" ] || sed "s/$codename/$suite/g" "$file" >"$tree/sources/$(basename "$file")"
	done
}

# update_lists ARCH: once for the same sources; remove the work folder to look again.
update_lists() {
	local root=$tree/apt-$1 mark
	mark=$root/updated-$(cat "$tree"/sources/* | cksum | cut -d ' ' -f 1)
	[ ! -e "$mark" ] || return 0
	say "reading the package lists of $suite for $1"
	rm -rf "$root" && mkdir -p "$root/lists/partial" "$root/cache/archives/partial"
	: >"$root/status"
	apt_for "$1" apt-get -qq update >&2 || die "no package lists of $suite for $1 (README.md, traps)"
	touch "$mark"
}

# depends_on ARCH PACKAGE PATTERN: the first dependency whose name matches.
depends_on() {
	{ apt_for "$1" apt-cache depends "$2" 2>/dev/null || true; } | awk -v want="$3" '$1 ~ /Depends:/ && $2 ~ want && !seen++ { print $2 }'
}

# fetch ARCH PACKAGE [PATH]...: unpacks the package, or those paths of it, beside the kernel's others. Nothing is installed.
fetch() {
	local for_arch=$1 package=$2 downloads=$unpacked/downloads
	shift 2
	[ ! -e "$unpacked/.has-$package" ] || return 0
	say "fetching $package for $for_arch"
	rm -rf "$downloads" && mkdir -p "$downloads"
	(cd "$downloads" && apt_for "$for_arch" apt-get -qq download "$package" >&2) || die "$package cannot be fetched"
	dpkg --fsys-tarfile "$downloads"/*.deb | tar -x -C "$unpacked" "$@"
	rm -rf "$downloads"
	touch "$unpacked/.has-$package"
}

choose_kernel() {
	[ -n "$kernel" ] || kernel=$(depends_on "$arch" "linux-image-$flavour" '^linux-image-')
	kernel=${kernel#linux-image-}
	[ -n "$kernel" ] || die "$suite has no kernel linux-image-$flavour for $arch"
	unpacked=$tree/$arch-$kernel
	say "kernel $kernel for $arch"
}

fetch_kernel() {
	local headers=linux-headers-$kernel common kbuild
	common=$(depends_on "$arch" "$headers" '^linux-headers-.*-common')
	kbuild=$(depends_on "$arch" "$headers" '^linux-kbuild-')
	[ -n "$common$kbuild" ] || die "$suite has no $headers for $arch"
	fetch "$arch" "linux-image-$kernel" ./boot
	fetch "$arch" "$headers"
	fetch "$arch" "$common"
	# programs that run here: of the host's architecture, whatever the kernel's is
	fetch "$host_arch" "$kbuild"
	fetch "$arch" busybox-static
}

# ---- module and initramfs ----

# The packaged makefiles include each other by absolute path: lead those into the work folder.
relocate_headers() {
	[ ! -e "$unpacked/.relocated" ] || return 0
	find "$unpacked/usr/src" -maxdepth 2 -name Makefile -exec sed -i "s#\([ =]\)/usr/\(src\|lib\)/#\1$unpacked/usr/\2/#g" {} +
	touch "$unpacked/.relocated"
}

build_module() {
	build=$unpacked/build
	rm -rf "$build" && mkdir -p "$build"
	cp "$here/leaky.c" "$here/Makefile" "$build/"
	relocate_headers
	say "building the module"
	# without type information (BTF), which would want pahole and serves nobody here
	make -C "$unpacked/usr/src/linux-headers-$kernel" M="$build" CROSS_COMPILE="$cross" CC="${cross}gcc" \
		CONFIG_DEBUG_INFO_BTF_MODULES= modules \
		>"$build/make.log" 2>&1 || { tail -n 20 "$build/make.log" >&2 && die "the module does not build (all of it: $build/make.log)"; }
}

build_initramfs() {
	local root=$build/root
	mkdir -p "$root/bin" "$root/proc" "$root/dev"
	cp "$unpacked/bin/busybox" "$root/bin/" 2>/dev/null || cp "$unpacked/usr/bin/busybox" "$root/bin/"
	cp "$build/leaky.ko" "$root/leaky.ko"
	cp "$here/init" "$root/init"
	cp "$here/../../src/run/record.sh" "$root/slabrec.sh"
	chmod 755 "$root/init" "$root/bin/busybox"
	(cd "$root" && find . | cpio --quiet -o -H newc --owner 0:0) | gzip -n >"$build/initrd.gz"
}

# ---- boot ----

# The log buffer holds all that is printed before the console is there, or it would be lost.
# 5.14 and later print raw addresses when slub_debug is given; no_hash_pointers does the same for 5.12 and 5.13.
command_line() {
	local how="slub_debug=T,$caches"
	[ -z "$events" ] || how="EVENTS=$console"
	echo "console=$console panic=-1 log_buf_len=16M $level $how COUNT=$count SIZE=$size NOTES=$notes${append:+ $append}"
}

boot() {
	capture=$build/console.log
	rm -f "$capture"
	say "booting (at most $timeout s): $(command_line)"
	timeout "$timeout" "${machine[@]}" -accel "$accel" -smp "$smp" -m 768 -display none -nodefaults -no-reboot \
		-kernel "$unpacked/boot/vmlinuz-$kernel" -initrd "$build/initrd.gz" -serial "file:$capture" \
		-append "$(command_line)" >&2 || die "QEMU ended badly or ran out of time; what came: $capture"
}

# ---- truth ----

count_headers() {
	grep -aoE 'TRACE [^ ]+ '"$1"' 0x' "$capture" | wc -l
}

# The module's own lines of the capture, from "leaky:" on.
truth_lines() {
	tr -d '\r' <"$capture" | grep -aoE 'leaky: (chain|object|end of truth).*' || true
}

# A console that lost some of these lines must not become a truth that is too small.
check_truth() {
	truth_lines | awk '
		/^leaky: chain/ { chains++; sub(/.* live=/, ""); want += $1 }
		/^leaky: object/ { objects++ }
		/^leaky: end/ { sub(/.*chains=/, ""); said = $1 }
		END { exit !(said > 0 && chains == said && objects == want) }' ||
		die "the module's account is missing or has gaps; the console: $capture"
}

# A chain whose cache was not traced would stand in the truth and not in the capture.
check_traced() {
	local cache
	for cache in $(truth_lines | awk '/^leaky: chain/ { sub(/.* cache=/, ""); print $1 }' | sort -u); do
		grep -aq "TRACE $cache alloc 0x" "$capture" ||
			die "the module allocated from $cache, which was not traced: name it in --caches; the console: $capture"
	done
}

# One processor prints one event after the other; several interleave, and no reader can be sure of every dump.
objects_goal() {
	if [ "$smp" -eq 1 ]; then echo 1.0; else echo 0.95; fi
}

truth_chains() {
	truth_lines | awk '
		function value(key) { match($0, key "=[^ ]*"); return substr($0, RSTART + length(key) + 1, RLENGTH - length(key) - 1) }
		function close_chain() { if (open) printf "%s]\n  }", objects ? "\n   " : "" }
		/^leaky: chain/ {
			close_chain(); printf "%s", open++ ? ",\n" : ""; objects = 0
			printf "  {\n   \"functions\": [\"%s\"],\n   \"cache\": \"%s\",\n   \"size\": %s,\n", $3, value("cache"), value("size")
			printf "   \"allocs\": %s,\n   \"frees\": %s,\n   \"live\": %s,\n", value("allocs"), value("frees"), value("live")
			printf "   \"live_addresses\": ["
		}
		# unprintable addresses, as (____ptrval____), say nothing
		/^leaky: object/ && $4 ~ /^[0-9a-f]+$/ { printf "%s\n    \"%s\"", objects++ ? "," : "", $4 }
		END { close_chain(); print "" }'
}

write_truth() {
	cat <<END
{
 "kernel": "$kernel",
 "arch": "$linux_arch",
 "smp": $smp,
 "cmdline": "$(command_line)",
 "headers_alloc": $(count_headers alloc),
 "headers_free": $(count_headers free),
 "objects_goal": $(objects_goal),
 "chains": [
$(truth_chains)
 ]
}
END
}

# The recording stands on the console between two marks.
keep_trace() {
	tr -d '\r' <"$capture" | awk '/^record: end of the recording/ { exit } on; /^record: the recording/ { on = 1 }' >"$build/trace"
	grep -q '^# slabtrace record-script' "$build/trace" || die "there is no recording on the console: $capture"
	gzip -9nc "$build/trace" >"$name.trace.gz"
	say "$name.trace.gz: $(wc -l <"$build/trace") lines, $(wc -c <"$name.trace.gz") bytes"
}

keep_recording() {
	gzip -9nc "$capture" >"$name.log.gz"
	write_truth >"$name.truth.json"
	say "$name.log.gz: $(count_headers alloc) allocs, $(count_headers free) frees, $(wc -c <"$name.log.gz") bytes"
}

main() {
	set_defaults
	read_options "$@"
	choose_machine
	check_tools
	prepare_sources
	update_lists "$arch"
	update_lists "$host_arch"
	choose_kernel
	fetch_kernel
	build_module
	build_initramfs
	boot
	check_truth
	if [ -n "$events" ]; then keep_trace; else check_traced; fi
	keep_recording
}

main "$@"
