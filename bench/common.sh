# What the scripts of this folder have in common; to be sourced by bash, from the root of the repository.
# shellcheck shell=bash disable=SC2034 # not every script uses every variable

sys_time_bit=25 # CAP_SYS_TIME, capabilities(7)

# Gives up the right to set the clock, for this script and all that it starts.
confine() {
    [ "$(id -u)" = 0 ] || { echo "${0##*/}: needs root, for network namespaces" >&2; exit 1; }
    local tool
    for tool in ip setpriv taskset chrt awk python3 openssl strip; do
        command -v "$tool" >/dev/null || { echo "${0##*/}: needs $tool" >&2; exit 1; }
    done
    (((0x$(sed -n 's/^CapBnd:[[:space:]]*//p' /proc/self/status) >> sys_time_bit) & 1)) || return 0
    exec setpriv --bounding-set=-sys_time --inh-caps=-sys_time --no-new-privs -- "$0" "$@"
}

# A folder of our own, namespaces and processes: all are gone in the end, however that comes.
work=
pids=()
namespaces=()
clean_up() {
    local status=$? item
    trap - EXIT
    set +e
    for item in "${pids[@]}"; do kill "$item" 2>/dev/null; done
    for item in "${pids[@]}"; do wait "$item" 2>/dev/null; done
    for item in "${namespaces[@]}"; do ip netns delete "$item"; done
    [ -z "$work" ] || rm -rf "$work"
    exit "$status"
}
begin() {
    trap clean_up EXIT
    trap 'exit 130' INT TERM
    work=$(mktemp -d /tmp/tc-bench-XXXXXX)
    chmod 755 "$work"
}

namespace() {
    ip netns add "$1"
    namespaces+=("$1")
    ip -n "$1" link set lo up
}

# Builds programs of ours as they ship, the daemon without the demonstration.
build() {
    local program arguments=()
    for program in "$@"; do arguments+=(--bin "$program"); done
    echo "building (profile dist, as it ships) …" >&2
    cargo build --profile dist --quiet --locked --no-default-features -p ntp-daemon -p ntp-load -p test-binaries "${arguments[@]}"
}
target=${CARGO_TARGET_DIR:-$PWD/target}
ours=$target/dist
peers=${TRUECHIMER_PEERS:-$target/peers}
fetch_peers() { [ -n "${TRUECHIMER_PEERS:-}" ] || .ci/fetch-peers "$peers" >&2; }

# The folders with the libraries of a folder of peers.
libraries() {
    local folder found=
    for folder in "$1"/lib/*-linux-* "$1"/usr/lib/*-linux-*; do
        [ ! -d "$folder" ] || found+=${found:+:}$folder
    done
    echo "$found"
}
chronyd=(env "LD_LIBRARY_PATH=$(libraries "$peers")" "$peers/usr/sbin/chronyd" -F 0 -U -x -d)
ntpd=(env "LD_LIBRARY_PATH=$(libraries "$peers/ntpsec"):$(libraries "$peers")" "$peers/ntpsec/usr/sbin/ntpd" -n -g)

# A value of a JSON document of one line.
field() { sed -n "s/.*\"$1\":\([-+.0-9e]*\).*/\1/p" <<<"$2"; }

# Whether an expression of numbers holds.
holds() { awk "BEGIN { exit !($1) }"; }

# The value of an expression of numbers.
value() { awk "BEGIN { printf \"%.2f\", $1 }"; }
