#!/usr/bin/env bash
# podman.sh CMD...: CMD where podman works, also on a machine whose cgroups are of version 1 or of both kinds and that may
# not raise limits. As root, with Debian's podman and crun. Images and what runs are kept under $PODMAN_HOME.
#
# podman wants each controller of version 1 at a place of its own, and refuses where one is missing or of the other
# version. So it gets a mount name space of its own, in which /sys/fs/cgroup is a directory that holds just those.
set -euo pipefail
: "${PODMAN_HOME:?a directory of its own}"
mkdir -p "$PODMAN_HOME"
printf '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n[engine]\nlock_type = "file"\ntmp_dir = "%s/libpod"\n' "$PODMAN_HOME" >"$PODMAN_HOME/containers.conf"
printf '[storage]\ndriver = "overlay"\ngraphroot = "%s/images"\nrunroot = "%s/run"\n' "$PODMAN_HOME" "$PODMAN_HOME" >"$PODMAN_HOME/storage.conf"
export CONTAINERS_CONF=$PODMAN_HOME/containers.conf CONTAINERS_STORAGE_CONF=$PODMAN_HOME/storage.conf

inside() {
    local tree=$PODMAN_HOME/cgroup controller
    mkdir -p "$tree"
    mount -t tmpfs -o mode=755 cgroup "$tree"
    for controller in cpu cpuacct cpuset memory devices freezer blkio pids systemd; do
        mkdir "$tree/$controller"
        mount --bind "/sys/fs/cgroup/$controller" "$tree/$controller"
    done
    for controller in net_cls net_prio perf_event hugetlb; do # these must be there, and nothing comes of it: any other will do
        mkdir "$tree/$controller"
        mount --bind /sys/fs/cgroup/freezer "$tree/$controller"
    done
    umount -R /sys/fs/cgroup
    mount --rbind "$tree" /sys/fs/cgroup
    mount -t tmpfs tmpfs /dev/shm # podman's locks
    local code=0
    "$@" || code=$?
    find /sys/fs/cgroup/*/libpod_parent -depth -type d -exec rmdir {} + 2>/dev/null || true
    return "$code"
}

[ ! -e /sys/fs/cgroup/cgroup.controllers ] || exec "$@" # of version 2 only: as podman likes it
if [ "${1:-}" = --inside ]; then
    shift
    inside "$@"
else
    exec unshare --mount --propagation private "$0" --inside "$@"
fi
