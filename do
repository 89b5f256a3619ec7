#!/usr/bin/env bash
# One command for each chore. On a fresh Debian each installs what it needs: system packages by
# apt-get (as root), Python packages into .venv.
#
#   ./do hello         runs the helloworld group, as a real PID 1, in a sandbox
#   ./do test [...]    runs all tests, or pytest with the arguments that follow
#   ./do pythons       runs tests on every installed Python 3.9 to 3.14 but that of ./do test: the
#                      pure and namespace tests on each, and the Pod tests on the oldest; leaves out
#                      the tests marked `once`
#   ./do storms        causes 100,000 of each kind of event that anybody can cause; checks the
#                      memory, and that no death is hidden; writes benchmarks/storms.txt
#   ./do explore [S]   runs the group's machine on every order of events, for S seconds
#   ./do generate      writes what follows from pidone's declarations: slots, tables of the docs
#   ./do lint          runs ruff and mypy
#   ./do bench [...]   runs benchmarks/run, with its peers installed
#   ./do compare [...] runs demos/compare, with an engine installed
set -euo pipefail
cd "$(dirname "$0")"

# packages PROGRAM:PACKAGE...  installs the package of each program that is missing
packages() {
    local pair missing=()
    for pair in "$@"; do
        command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}")
    done
    [ ${#missing[@]} -eq 0 ] && return
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
        echo "do: missing, and only root of a Debian can install them here: ${missing[*]}" >&2
        exit 1
    fi
    echo "do: installing ${missing[*]}" >&2
    apt-get -o DPkg::Lock::Timeout=600 update -qq
    DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# python_here  sets $PYTHON (default: python3), and installs its venv
python_here() {
    PYTHON=${PYTHON:-python3}
    packages "$PYTHON:python3"
    "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 9))' || {
        echo "do: $("$PYTHON" -V) is too old: pidone needs Python 3.9 or later; PYTHON=... names another" >&2
        exit 1
    }
    "$PYTHON" -c 'import ensurepip' 2>/dev/null || packages "no-such-program:python3-venv"
}

# environment [EXTRAS]  makes .venv with pidone and these extras; one run at a time does so
environment() {
    local stamp=.venv/installed-${1:+${1//,/-}}
    python_here
    [ "$stamp" -nt pyproject.toml ] && return
    (
        flock 9
        [ "$stamp" -nt pyproject.toml ] && return
        [ -x .venv/bin/python ] || "$PYTHON" -m venv .venv
        .venv/bin/python -m pip install -q --disable-pip-version-check -e ".${1:+[$1]}"
        touch "$stamp"
    ) 9>.venv.lock
}

test_packages() {
    packages unshare:util-linux setpriv:util-linux mount:mount pgrep:procps cc:gcc strace:strace \
        tini:tini dumb-init:dumb-init catatonit:catatonit podman:podman crun:crun \
        dockerd:docker.io debootstrap:debootstrap git:git chromium:chromium chromedriver:chromium-driver \
        s6-svscan:s6 runsvdir:runit supervisord:supervisor
    packages docker:docker-cli # for Debian 13; on Debian 12 docker.io contains it
    [ -e /usr/include/stdio.h ] || packages no-such-program:libc6-dev
    # A developer's own settings must not hide what a fresh machine shows.
    unset PYTHONUNBUFFERED PYTHONDONTWRITEBYTECODE
}

# with_own_tmp CMD...  runs CMD with a /tmp that no other run shares, and removes that /tmp
with_own_tmp() {
    local own code=0
    # A run inside a test of another run has its own /tmp already, and may need the files in it.
    if [ -n "${PIDONE_OWN_TMP:-}" ]; then
        "$@"
        return
    fi
    export PIDONE_OWN_TMP=1
    own=$(mktemp -d /tmp/pidone-tests-XXXXXX)
    chmod 1777 "$own"
    unshare --mount --propagation private sh -c '
        case $PWD in # a clone below /tmp stays visible
        /tmp/*) mkdir -p "$0/${PWD#/tmp/}" && mount --bind "$PWD" "$0/${PWD#/tmp/}" ;;
        esac
        mount --rbind "$0" /tmp && cd "$PWD" && exec "$@"' "$own" "$@" || code=$?
    rm -rf --one-file-system "$own"
    return "$code"
}

# pythons_here  prints every usable Python 3.9 to 3.14: "VERSION PATH", once for each version
pythons_here() {
    local candidate version seen=" "
    for candidate in python3.{9,10,11,12,13,14} "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.*/bin/python3 python3; do
        version=$("$candidate" -c 'import sys, ensurepip; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
        case "$version" in 3.9 | 3.1[0-4]) ;; *) continue ;; esac
        case "$seen" in *" $version "*) continue ;; esac
        seen="$seen$version "
        echo "$version $candidate"
    done
}

case "${1:-}" in
hello)
    packages unshare:util-linux
    environment
    root=$PWD
    cd config/helloworld
    exec "$root/.venv/bin/pidonectl" sandbox -c pidone.toml
    ;;
test)
    shift
    test_packages
    environment test
    # These tests mostly wait: three at a time keep two processors busy.
    [ $# -gt 0 ] || set -- --every-tier -n 3 --dist loadscope --no-loadscope-reorder
    with_own_tmp .venv/bin/python -m pytest "$@"
    ;;
pythons)
    test_packages
    environment test
    ours=$(.venv/bin/python -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    here=$(pythons_here | sort -V)
    oldest=$(printf '%s\n' "$here" | sed -n '1s/ .*//p')
    others=$(printf '%s\n' "$here" | grep -v "^$ours ") || {
        echo "do: no other Python than $ours is here" >&2
        exit 0
    }
    printf '%s\n' "$others" | while read -r version python; do
        [ -x ".venv-$version/bin/python" ] || "$python" -m venv ".venv-$version"
        ".venv-$version/bin/python" -m pip install -q --disable-pip-version-check -e '.[test]' </dev/null
    done
    # All versions run at the same time, because these tests mostly wait.
    printf '%s\n' "$others" | sed 's/ .*//' | xargs -P 6 -L 1 ./do python "$oldest"
    ;;
python) # OLDEST VERSION  runs the tests of `pythons` on one version
    tiers=(tests/pure tests/namespace)
    if [ "$3" != "$2" ]; then # the statements of a Pod depend on the version least, and take longest
        for name in grpc hooks order probes restarts status termination; do
            tiers+=("--ignore=tests/namespace/test_$name.py")
        done
    fi
    pytest=(".venv-$3/bin/python" -m pytest -q -p no:cacheprovider -m "not once")
    said=$(with_own_tmp "${pytest[@]}" "${tiers[@]}" </dev/null 2>&1) && ended=0 || ended=$?
    printf '== Python %s\n%s\n' "$3" "$said"
    exit "$ended"
    ;;
storms)
    test_packages
    environment test
    export PIDONE_STORM=100000
    pytest=(.venv/bin/python -m pytest -q -s tests/namespace/test_trouble.py -k storm --timeout 1800)
    said=$(with_own_tmp "${pytest[@]}") || { printf '%s\n' "$said" && exit 1; }
    commit=$(.venv/bin/python -c 'from benchmarks.show import commit; print(commit())')
    {
        echo "./do storms, $(date -u +%F), commit $commit, $(.venv/bin/python -V), Linux $(uname -r)"
        printf '%s\n' "$said" | grep -o '[a-z]*, [0-9,]* .*PID 1 has.*'
    } | tee benchmarks/storms.txt
    ;;
explore)
    shift
    environment test
    exec .venv/bin/python -m tests.support.explorer "$@"
    ;;
generate)
    environment test
    .venv/bin/python -m scripts.generate
    .venv/bin/python -m tests.pure.test_architecture
    ;;
lint)
    environment lint
    .venv/bin/ruff check .
    .venv/bin/ruff format --check .
    .venv/bin/mypy
    ;;
bench)
    shift
    packages unshare:util-linux cc:gcc tini:tini dumb-init:dumb-init catatonit:catatonit s6-svscan:s6 \
        runsvdir:runit supervisord:supervisor
    [ -e /usr/include/stdio.h ] || packages no-such-program:libc6-dev
    environment bench
    exec .venv/bin/python benchmarks/run "$@"
    ;;
compare)
    shift
    packages cc:gcc dockerd:docker.io debootstrap:debootstrap
    packages docker:docker-cli
    [ -e /usr/include/stdio.h ] || packages no-such-program:libc6-dev
    environment compare
    exec .venv/bin/python demos/compare "$@"
    ;;
*)
    sed -n '2,/^set/s/^# \{0,1\}//p' "$0"
    exit 2
    ;;
esac
