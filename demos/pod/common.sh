# What the demos' scripts share. Each is run as `demos/pod/NAME/run`, from anywhere; needs docker, and leaves its image.
#
#   say WORDS            what comes now
#   start [OPTION...] [@ WORD...]  a container of the image with this directory as /demo; OPTIONs are docker run's, WORDs
#                        after the image's @ its command
#   inside CMD...        docker exec in it
#   get URL [STATUS]     its answer; fails where its status is another than this, 200 if none is said
#   until_said WORDS     waits until pidone or one of its processes says so, and shows that line
#   patiently CMD...     until it succeeds, at most half a minute
#   check WHAT CMD...    says what is seen, or that it is not, and then ends with 1
#   finish               docker stop; shows how it ended and what it had said
set -eu
cd "$(dirname "$0")"
root=$(cd ../../.. && pwd)
image=${PIDONE_DEMO_IMAGE:-pidone-demos}
dockerfile=demos/pod/Dockerfile
container=
export DOCKER_BUILDKIT=${DOCKER_BUILDKIT:-0}

docker version >/dev/null 2>&1 || {
    echo "run: no docker engine answers here; start one (systemctl start docker), or say where it is: DOCKER_HOST=..." >&2
    exit 1
}

built() { # anew where a source has changed: all but that comes from docker's cache
    [ "$image" != "${PIDONE_DEMO_IMAGE:-}" ] || return 0
    docker build -q -t "$image" -f "$root/$dockerfile" "$root" >/dev/null
}

trap '[ -z "$container" ] || docker rm -f "$container" >/dev/null 2>&1' EXIT
trap 'exit 130' INT TERM HUP

say() { printf '\n# %s\n' "$*"; }

start() {
    [ -z "$container" ] || docker rm -f "$container" >/dev/null
    built
    named=
    for word; do
        shift
        if [ "$word" = @ ]; then named=1 word=$image; fi
        set -- "$@" "$word"
    done
    [ -n "$named" ] || set -- "$@" "$image"
    container=$(docker create --network none -v "$PWD:/demo:ro" -w /demo "$@")
    docker start "$container" >/dev/null
}

inside() { docker exec "$container" "$@"; }

get() {
    inside python3 -c '
import sys, urllib.error, urllib.request
try:
    answer = urllib.request.urlopen(sys.argv[1], timeout=5)
except urllib.error.HTTPError as error:
    answer = error
print(answer.read().decode(), end="")
sys.exit(answer.status != int((*sys.argv[2:], 200)[0]))' "$@"
}

patiently() {
    patience=300
    until "$@"; do
        if [ $((patience -= 1)) = 0 ]; then
            docker logs "$container" >&2
            echo "run: it did not come to this: $*" >&2
            exit 1
        fi
        sleep 0.1
    done
}

until_said() {
    patience=600
    until docker logs "$container" 2>&1 | grep -m 1 -F -- "$1"; do
        patience=$((patience - 1))
        if [ $patience = 0 ] || [ "$(docker inspect -f '{{.State.Running}}' "$container")" = false ]; then
            docker logs "$container" 2>&1 | grep -m 1 -F -- "$1" && return
            docker logs "$container" >&2
            echo "run: it did not say: $1" >&2
            exit 1
        fi
        sleep 0.1
    done
}

check() {
    what=$1
    shift
    if "$@" >/dev/null; then echo "seen: $what"; else
        docker logs "$container" >&2
        echo "run: NOT seen: $what" >&2
        exit 1
    fi
}

code() { docker inspect -f '{{.State.ExitCode}}' "$container"; }

finish() {
    say "docker stop"
    began=$(date +%s%N)
    docker stop "$container" >/dev/null
    echo "it took $((($(date +%s%N) - began) / 1000000)) ms; exit code $(code); in this order:"
    docker logs "$container" 2>&1 | grep -E '^pidone: [^ ]+ \(pid [0-9]+\) (ended|was killed)' | tail -n "${1:-4}"
}
